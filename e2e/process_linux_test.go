package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a scenario waits for what must come, on a machine that
// is busy with other tests, before it gives up.
const patience = 30 * time.Second

// output keeps what a process prints. It may be written, read and awaited by
// several goroutines.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.text.Write(p)
}

// look returns the text up to now, and a channel that closes when there is more.
func (o *output) look() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.text.String(), o.changed
}

func (o *output) String() string {
	text, _ := o.look()
	return text
}

// process is a program that runs at a host while a scenario goes on.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{} // closed when the program has ended
}

// start starts a program at the host. When the test ends, the program is killed
// if it still runs, and what it printed is shown if the test has failed.
func (h *host) start(name string, args ...string) *process {
	h.t.Helper()
	return h.startCommand(exec.Command(name, args...))
}

// startCommand is start for a command that needs more than arguments.
func (h *host) startCommand(cmd *exec.Cmd) *process {
	h.t.Helper()
	p := &process{t: h.t, cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	// A grandchild that holds on to the pipes must not hold up the test.
	cmd.WaitDelay = time.Second
	if err := h.do(cmd.Start); err != nil {
		h.t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	h.t.Cleanup(func() {
		p.kill()
		if h.t.Failed() {
			h.t.Logf("%s\nstdout: %s\nstderr: %s", strings.Join(cmd.Args, " "), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// signal sends the program a signal.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v to %s: %v", s, p.cmd.Path, err)
	}
}

// kill ends the program as kill -9 does, and returns when it is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// wait returns the program's exit code once it has ended, -1 after a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("%s still runs after %v", p.cmd.Path, patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// await returns the first match in one of the program's outputs as soon as it
// is there, and fails the test when the program ends without it.
func (p *process) await(o *output, pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.After(patience)
	exited := p.exited
	for {
		text, more := o.look()
		if match := re.FindString(text); match != "" {
			return match
		}
		if exited == nil {
			p.t.Fatalf("%s ended without printing %q", p.cmd.Path, pattern)
		}
		select {
		case <-more:
		case <-exited:
			exited = nil // and look once more
		case <-limit:
			p.t.Fatalf("%s has not printed %q after %v", p.cmd.Path, pattern, patience)
		}
	}
}

// eventually tries until the condition holds, and fails the test when it does
// not come to hold.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("after %v, still not: %s", patience, what)
		}
	}
}
