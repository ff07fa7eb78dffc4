package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopLimit is how soon tundns must be gone after SIGTERM. What is promised is a
// second, which TestShutdown holds it to on a host that does nothing else; the
// kernel takes longer to remove an interface while other tests' hosts come and go.
const stopLimit = 5 * time.Second

// appliance is a running tundns.
type appliance struct {
	*process
	host *host
}

// up starts tundns at the host with a configuration, none when it is empty, and
// returns when it says that it is ready. However the scenario ends, the
// appliance must then stop in order, and leave the network as it found it.
func (h *host) up(config string, flags ...string) *appliance {
	h.t.Helper()
	args := append([]string{"up"}, flags...)
	if config != "" {
		args = append(args, "--config", config)
	}
	return h.upCommand(exec.Command(tundns, args...))
}

// upCommand is up for a command that needs more than arguments.
func (h *host) upCommand(cmd *exec.Cmd) *appliance {
	h.t.Helper()
	before := h.state()
	a := &appliance{process: h.startCommand(cmd), host: h}
	h.t.Cleanup(func() {
		if strings.Contains(a.stderr.String(), "DATA RACE") {
			h.t.Error("the race detector has found a race")
		}
	})
	h.t.Cleanup(func() {
		select {
		case <-a.exited:
			return // ended by the scenario, which has judged it
		default:
		}
		a.stop()
		if after := h.state(); after != before {
			h.t.Errorf("tundns left something behind.\nbefore:\n%s\nafter:\n%s", before, after)
		}
	})
	a.await(&a.stdout, `(?m)^try:.*\n`)
	return a
}

// stop asks tundns to end, and checks that it does so in order and in time.
func (a *appliance) stop() {
	a.t.Helper()
	asked := time.Now()
	a.signal(syscall.SIGTERM)
	if code := a.wait(); code != 0 {
		a.t.Errorf("exit code %d after SIGTERM", code)
	}
	if took := time.Since(asked); took > stopLimit {
		a.t.Errorf("tundns took %v to end", took)
	}
}

// upstream is a line of configuration: an upstream group of these servers, each
// in TOML.
func upstream(servers ...string) string {
	return fmt.Sprintf("[[upstream]]\nname = \"default\"\nservers = [\n  %s,\n]\n", strings.Join(servers, ",\n  "))
}

// udp is a plain server in TOML.
func udp(addr fmt.Stringer) string { return fmt.Sprintf("%q", "udp://"+addr.String()) }

// doh is a DNS over HTTPS server for dohName in TOML.
func doh(addr fmt.Stringer) string {
	return fmt.Sprintf("{ url = %q, addresses = [%q] }", "https://"+dohName+"/dns-query", addr)
}

// configuration writes a configuration, and the files beside it, by name.
func configuration(t testing.TB, text string, files map[string]string) string {
	t.Helper()
	path := writeFile(t, "tundns.toml", text)
	for name, text := range files {
		rewrite(t, filepath.Join(filepath.Dir(path), name), text)
	}
	return path
}

// rewrite replaces a file as editors do: a new file is moved over the old one.
func rewrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
