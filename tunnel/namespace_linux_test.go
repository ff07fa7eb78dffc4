package tunnel

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// needTUN skips the test where no interface can be created, but not in CI.
func needTUN(t *testing.T) {
	t.Helper()
	_, err := os.Stat(clonePath)
	if os.Geteuid() == 0 && err == nil {
		return
	}
	const reason = "needs root and " + clonePath
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// newNamespace moves the calling test to a network namespace of its own, where only a
// loopback interface is. The test's goroutine keeps its thread, and both end together; the
// namespace goes with the last file that belongs to it.
func newNamespace(t *testing.T) {
	t.Helper()
	needTUN(t)
	runtime.LockOSThread()
	must(t, unix.Unshare(unix.CLONE_NEWNET))
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
}

const childEnv = "TUNDNS_TUNNEL_TEST_CHILD"

// isChild reports whether the test runs in a process that childOf made.
func isChild() bool { return os.Getenv(childEnv) != "" }

// childOf returns a command that runs the calling test once more, in a process of its own.
// Its network namespace is that of the calling thread.
func childOf(t *testing.T) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// uplink makes an interface with a default route of both families, as the way out to
// strangers, and returns its index.
func uplink(t *testing.T) int {
	t.Helper()
	dev, err := tun.CreateTUN("uplink0", 1500)
	must(t, err)
	t.Cleanup(func() {
		dev.Close()
		for range dev.Events() {
		}
	})
	link, err := netlink.LinkByName("uplink0")
	must(t, err)
	must(t, netlink.LinkSetIP6AddrGenMode(link, addrGenNone))
	for _, a := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
		must(t, netlink.AddrAdd(link, address(netip.MustParsePrefix(a))))
	}
	must(t, netlink.LinkSetUp(link))
	for _, r := range []string{"0.0.0.0/0", "::/0"} {
		must(t, netlink.RouteAdd(&netlink.Route{Dst: ipNet(netip.MustParsePrefix(r)), LinkIndex: link.Attrs().Index}))
	}
	return link.Attrs().Index
}

// hostState describes all interfaces, addresses and unicast routes of the namespace. Two
// equal states have equal descriptions.
func hostState(t *testing.T) string {
	t.Helper()
	var lines []string
	links, err := netlink.LinkList()
	must(t, err)
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
		lines = append(lines, fmt.Sprintf("link %s up=%t", l.Attrs().Name, l.Attrs().Flags&1 != 0))
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	must(t, err)
	for _, a := range addrs {
		lines = append(lines, fmt.Sprintf("address %v on %s", prefix(a.IPNet), names[a.LinkIndex]))
	}
	for _, r := range allRoutes(t) {
		if r.Type == unix.RTN_LOCAL {
			continue // follows from the addresses, for IPv6 a moment later
		}
		lines = append(lines, fmt.Sprintf("route %v to %s type %d metric %d table %d", prefix(r.Dst), names[r.LinkIndex], r.Type, r.Priority, r.Table))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func allRoutes(t *testing.T) []netlink.Route {
	t.Helper()
	var all []netlink.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			// The kernel keeps routes of its own for multicast and broadcast.
			if r.Type != unix.RTN_MULTICAST && r.Type != unix.RTN_BROADCAST && r.Type != unix.RTN_ANYCAST {
				all = append(all, r)
			}
		}
	}
	return all
}

// routesOf returns the routes of the main table for p, as text: "to INDEX" or "unreachable".
func routesOf(t *testing.T, p netip.Prefix) []string {
	t.Helper()
	var found []string
	for _, r := range allRoutes(t) {
		switch {
		case r.Table != unix.RT_TABLE_MAIN || prefix(r.Dst) != p:
		case r.Type == unix.RTN_UNREACHABLE:
			found = append(found, "unreachable")
		default:
			found = append(found, fmt.Sprintf("to %d", r.LinkIndex))
		}
	}
	slices.Sort(found)
	return found
}
