package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// insideVariable marks the process that runs inside the namespaces; its
	// value is the path of the binary under test.
	insideVariable = "TUNDNS_E2E_INSIDE"
	// lookupVariable makes the process a client that looks up the name that is
	// its value, as programs in Go do.
	lookupVariable = "TUNDNS_E2E_LOOKUP"
	// raceVariable asks for a race-detecting binary under plain tests.
	raceVariable = "TUNDNS_E2E_RACE"
	// fetchLimit bounds the building of CoreDNS, which takes a minute with its
	// modules to fetch, and much longer where a network swallows packets.
	fetchLimit = 5 * time.Minute
	// moduleRoot is the module's folder, seen from this package.
	moduleRoot = ".."
)

// tools are what the scenarios run, and the Debian packages they come in.
var tools = map[string]string{
	"dig":          "bind9-dnsutils",
	"ip":           "iproute2",
	"iperf3":       "iperf3",
	"mount":        "mount",
	"nsd":          "nsd",
	"ping":         "iputils-ping",
	"promtool":     "prometheus",
	"setpriv":      "util-linux",
	"unbound":      "unbound",
	"unshare":      "util-linux",
	"wg":           "wireguard-tools",
	"wireguard-go": "wireguard-go",
}

// missing says why this machine cannot run the scenarios; empty: it can.
var missing string

// tundns is the path of the binary under test.
var tundns string

// race is whether the binary under test detects races.
var race = raceTests || os.Getenv(raceVariable) == "1"

func init() {
	// The main goroutine keeps the main thread: the death signal of the
	// process inside hangs on it, and no scenario may ever move it to another
	// network namespace.
	runtime.LockOSThread()
	// Servers are installed in sbin, which an ordinary user's PATH lacks.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
}

func TestMain(m *testing.M) {
	flag.Parse()
	tundns = os.Getenv(insideVariable)
	switch name := os.Getenv(lookupVariable); {
	case name != "":
		os.Exit(lookUp(name))
	case flag.Lookup("test.list").Value.String() != "":
		os.Exit(m.Run())
	case tundns != "":
		// Compiled lists of scenarios that name no folder go beside the binary,
		// never where those of the machine's own tundns are.
		os.Setenv("STATE_DIRECTORY", filepath.Join(filepath.Dir(tundns), "state"))
		if err := furnish(); err != nil {
			missing = err.Error()
		}
		os.Exit(m.Run())
	default:
		os.Exit(outside(m))
	}
}

// outside builds the binary, where the module proxy can be reached, and runs
// these tests again inside namespaces of their own. It returns the exit code.
func outside(m *testing.M) int {
	var lacking []string
	for _, tool := range slices.Sorted(maps.Keys(tools)) {
		if _, err := exec.LookPath(tool); err != nil {
			lacking = append(lacking, tool+" (Debian package "+tools[tool]+")")
		}
	}
	if lacking != nil {
		missing = "not installed: " + strings.Join(lacking, ", ")
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tundns-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tundns")
	// One scenario runs the binary as nobody, who must be able to reach it.
	if err := errors.Join(build(path), os.Chmod(dir, 0o755)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	if err := buildCoreDNS(coreDNS(path)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: without CoreDNS:", err)
	}
	inside := exec.Command("/proc/self/exe", os.Args[1:]...)
	inside.Env = append(os.Environ(), insideVariable+"="+path)
	inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		inside.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		inside.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		inside.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := inside.Start(); err != nil {
		missing = fmt.Sprintf("the right to make namespaces: %v", err)
		return m.Run()
	}
	if err := inside.Wait(); err != nil {
		if inside.ProcessState.ExitCode() > 0 {
			return inside.ProcessState.ExitCode()
		}
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return 0
}

// build compiles the module's command.
func build(path string) error {
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = moduleRoot
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if race {
		cmd.Args = []string{"go", "build", "-race", "-o", path, "."}
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// coreDNS is where the CoreDNS is that belongs to a binary under test.
func coreDNS(binary string) string { return filepath.Join(filepath.Dir(binary), "coredns") }

// buildCoreDNS compiles the CoreDNS that serves as an upstream server. It is a
// module of its own, whose many dependencies no machine must have.
func buildCoreDNS(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	cmd.Dir = "coredns"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// furnish makes the new mount namespace fit to live in. It is process 1 of its
// PID namespace: when it ends, whatever it started ends too.
func furnish() error {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"none", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		// Sockets that tools keep at fixed places, such as /run/wireguard.
		{"none", "/run", "tmpfs", 0},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("the right to mount %s: %w", m.target, err)
		}
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("a TUN device: %w", err)
	}
	return tun.Close()
}

// require ends a scenario that this machine cannot run.
func require(t testing.TB) {
	t.Helper()
	if missing != "" && os.Getenv("CI") == "true" {
		t.Fatal("this machine cannot run it: ", missing)
	}
	if missing != "" {
		t.Skip("this machine cannot run it: ", missing)
	}
	if err := readSources(); err != nil {
		t.Fatal(err)
	}
}

// need ends a scenario that runs a program, a name or a path, which this machine
// lacks.
func need(t testing.TB, program, origin string) {
	t.Helper()
	require(t)
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine lacks %s (%s)", program, origin)
	}
	t.Skipf("this machine lacks %s (%s)", program, origin)
}

// readSources looks at every source file of the module, so that the go command,
// which watches the files a test looks at, never takes a result for cached when
// the binary has changed.
var readSources = sync.OnceValue(func() error {
	return filepath.WalkDir(moduleRoot, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.Type().IsRegular():
			_, err = os.Stat(path)
		}
		return err
	})
})
