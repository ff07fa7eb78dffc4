package tunnel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestOpenRefuses(t *testing.T) {
	on := func(t *testing.T, a string) {
		link, err := netlink.LinkByName("uplink0")
		must(t, err)
		must(t, netlink.AddrAdd(link, address(netip.MustParsePrefix(a))))
	}
	route := func(t *testing.T, r *netlink.Route) { must(t, netlink.RouteAdd(r)) }
	tests := []struct {
		name  string
		setup func(t *testing.T, uplink int)
		want  []string
	}{
		{"interface exists", func(t *testing.T, _ int) {
			link, err := netlink.LinkByName("uplink0")
			must(t, err)
			must(t, netlink.LinkSetDown(link))
			must(t, netlink.LinkSetName(link, "tundns0"))
		}, []string{"interface tundns0 exists already", "ip link delete tundns0"}},
		{"own IPv4 address taken", func(t *testing.T, _ int) { on(t, "10.30.30.1/24") },
			[]string{"address 10.30.30.1 of tundns0 is taken by interface uplink0"}},
		{"own IPv6 address taken", func(t *testing.T, _ int) { on(t, "fd30:30:30::1/64") },
			[]string{"address fd30:30:30::1 of tundns0 is taken by interface uplink0"}},
		{"virtual IPv4 address taken", func(t *testing.T, _ int) { on(t, "10.30.30.30/32") },
			[]string{"virtual address 10.30.30.30 is in use: interface uplink0 has it"}},
		{"virtual IPv6 address taken", func(t *testing.T, _ int) { on(t, "fd30:30:30::30/64") },
			[]string{"virtual address fd30:30:30::30 is in use: interface uplink0 has it"}},
		{"virtual IPv4 address routed", func(t *testing.T, uplink int) { route(t, routeInto(single(virtual4), uplink, 77)) },
			[]string{"virtual address 10.30.30.30 is in use", "route for it to interface uplink0", "ip -4 route show table all 10.30.30.30"}},
		{"virtual IPv6 address routed", func(t *testing.T, uplink int) { route(t, routeInto(single(virtual6), uplink, 77)) },
			[]string{"virtual address fd30:30:30::30 is in use", "ip -6 route"}},
		{"virtual address local without an interface having it", func(t *testing.T, _ int) {
			route(t, &netlink.Route{Dst: ipNet(single(virtual4)), LinkIndex: 1, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST})
		}, []string{"virtual address 10.30.30.30 is in use", "interface lo"}},
		{"virtual address of another tundns, its link down", func(t *testing.T, uplink int) { route(t, fallbackRoute(virtual4, uplink)) },
			[]string{"virtual address 10.30.30.30 is in use", "interface uplink0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkLeaks(t)
			newNamespace(t)
			index := uplink(t)
			tt.setup(t, index)
			before := hostState(t)
			d, err := Open(testOptions())
			if err == nil {
				d.Close()
				t.Fatal("Open succeeded")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if after := hostState(t); after != before {
				t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
			}
		})
	}
}

// Routes in tables that only rules lead to are none of our business.
func TestOpenIgnoresOtherTables(t *testing.T) {
	newNamespace(t)
	r := routeInto(single(virtual4), uplink(t), 0)
	r.Table = 4242
	must(t, netlink.RouteAdd(r))
	must(t, openUp(t, testOptions()).Close())
}

func TestUpRefusesTakenNetwork(t *testing.T) {
	newNamespace(t)
	taken := netip.MustParsePrefix("198.51.100.0/24")
	must(t, netlink.RouteAdd(routeInto(taken, uplink(t), 0)))
	before := hostState(t)
	opts := testOptions()
	opts.Routes = []netip.Prefix{taken}
	d, err := Open(opts)
	must(t, err)
	err = d.Up()
	if err == nil || !strings.Contains(err.Error(), "route 198.51.100.0/24") || !strings.Contains(err.Error(), "interface uplink0 already") {
		t.Errorf("Up: %v, want an error that names the network and uplink0", err)
	}
	must(t, d.Close())
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
	}
}

func TestLeftovers(t *testing.T) {
	newNamespace(t)
	index := uplink(t)
	other := netip.MustParseAddr("10.99.0.1") // of a tundns that runs, with its link down
	before := hostState(t)
	for _, r := range []*netlink.Route{
		fallbackRoute(virtual4, 9999), fallbackRoute(virtual4, 9998), fallbackRoute(virtual6, 9999),
		fallbackRoute(netip.MustParseAddr("fd99::1"), 9999), fallbackRoute(other, index),
	} {
		must(t, netlink.RouteAdd(r))
	}
	must(t, openUp(t, testOptions()).Close())
	if got, want := routesOf(t, single(other)), []string{"unreachable"}; !slices.Equal(got, want) {
		t.Errorf("routes of the other tundns: %q, want %q", got, want)
	}
	must(t, netlink.RouteDel(fallbackRoute(other, index)))
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func TestWithoutPrivileges(t *testing.T) {
	newNamespace(t)
	before := hostState(t)
	// Of this thread only, which ends with the test.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	must(t, unix.Capset(&header, &make([]unix.CapUserData, 2)[0]))
	d, err := Open(testOptions())
	if err == nil {
		d.Close()
		t.Fatal("Open succeeded")
	}
	for _, want := range []string{"create interface tundns0", "run as root", "setcap cap_net_admin+ep ", "--cap-add NET_ADMIN --device /dev/net/tun"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
	}
}

func TestWithoutDriver(t *testing.T) {
	newNamespace(t)
	// Mounts of this thread only.
	must(t, unix.Unshare(unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("empty", "/dev/net", "tmpfs", 0, ""))
	d, err := Open(testOptions())
	if err == nil {
		d.Close()
		t.Fatal("Open succeeded")
	}
	for _, want := range []string{"no TUN driver at /dev/net/tun", "modprobe tun", "--device /dev/net/tun"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}
