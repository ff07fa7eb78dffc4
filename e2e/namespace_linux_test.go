package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// host is a network namespace without a name: a machine of a scenario. It ends
// with its last process and socket, and so with the test.
type host struct {
	t    testing.TB
	file *os.File // the namespace itself
}

// newHost returns a machine with nothing but a loopback interface.
func newHost(t testing.TB) *host {
	t.Helper()
	require(t)
	h := &host{t: t}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		h.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		t.Fatal("making a network namespace: ", err)
	}
	t.Cleanup(func() { h.file.Close() })
	h.ip("link set lo up")
	return h
}

// in is the same host in another test, a part of the one that made it.
func (h *host) in(t testing.TB) *host { return &host{t: t, file: h.file} }

// onThread runs f on a thread of its own that ends with f: what f does to its
// thread is never seen by another goroutine.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// do runs f inside the namespace. The sockets that f opens and the processes
// that it starts stay there.
func (h *host) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(h.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the network namespace: %w", err)
		}
		return f()
	})
}

// dial connects from the host.
func (h *host) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// listen listens for TCP connections at the host.
func (h *host) listen(address netip.AddrPort) net.Listener {
	h.t.Helper()
	var l net.Listener
	err := h.do(func() (err error) {
		l, err = net.Listen("tcp", address.String())
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { l.Close() })
	return l
}

// listenPacket listens for UDP datagrams at the host.
func (h *host) listenPacket(address netip.AddrPort) net.PacketConn {
	h.t.Helper()
	var c net.PacketConn
	err := h.do(func() (err error) {
		c, err = net.ListenPacket("udp", address.String())
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// try runs a command at the host to its end and returns what it printed.
func (h *host) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := h.do(cmd.Start); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// run is try for a command that must succeed.
func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	out, err := h.try(name, args...)
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// ip runs an ip(8) command, given as a person would type it.
func (h *host) ip(command string) string {
	h.t.Helper()
	return h.run("ip", strings.Fields(command)...)
}

// state is everything that a tundns could leave behind in the host's network:
// names of interfaces, addresses, routes and rules. The routes that the kernel
// makes of interfaces and addresses are left out, since it does so in its own
// time; so is everything else that changes by itself.
func (h *host) state() string {
	h.t.Helper()
	var b strings.Builder
	for line := range strings.Lines(h.ip("-brief link show")) {
		fmt.Fprintln(&b, "interface", strings.Fields(line)[0])
	}
	for _, command := range []string{"-o address show", "route show table all", "rule show", "-6 rule show"} {
		fmt.Fprintln(&b, "ip", command)
		for line := range strings.Lines(h.ip(command)) {
			if !strings.Contains(line, " proto kernel ") {
				b.WriteString(strings.ReplaceAll(line, " linkdown", ""))
			}
		}
	}
	return b.String()
}

// link is a cable between two hosts, with an address of each family at both
// ends, out of the blocks set apart for documentation.
type link struct{ near4, near6, far4, far6 netip.Addr }

// cable lays the n-th cable of a scenario from h to the other host. The
// interfaces at its ends are called "eth" and n.
func (h *host) cable(other *host, n int) link {
	h.t.Helper()
	l := link{
		near4: netip.AddrFrom4([4]byte{192, 0, 2, byte(4*n + 1)}),
		far4:  netip.AddrFrom4([4]byte{192, 0, 2, byte(4*n + 2)}),
		near6: netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%d::1", n)),
		far6:  netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%d::2", n)),
	}
	h.ip(fmt.Sprintf("link add eth%d type veth peer name eth%d netns /proc/%d/fd/%d",
		n, n, os.Getpid(), other.file.Fd()))
	for _, end := range []struct {
		*host
		v4, v6 netip.Addr
	}{{h, l.near4, l.near6}, {other, l.far4, l.far6}} {
		// No address of the kernel's own making, which would come up late.
		end.ip(fmt.Sprintf("link set eth%d addrgenmode none", n))
		end.ip(fmt.Sprintf("address add %v/30 dev eth%d", end.v4, n))
		end.ip(fmt.Sprintf("address add %v/64 dev eth%d nodad", end.v6, n))
		end.ip(fmt.Sprintf("link set eth%d up", n))
	}
	return l
}
