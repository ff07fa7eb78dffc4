package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	own4     = netip.MustParsePrefix("10.30.30.1/32")
	own6     = netip.MustParsePrefix("fd30:30:30::1/128")
	virtual4 = netip.MustParseAddr("10.30.30.30")
	virtual6 = netip.MustParseAddr("fd30:30:30::30")
)

func testOptions() Options {
	return Options{
		Name:      "tundns0",
		Addresses: []netip.Prefix{own4, own6},
		Virtual:   []netip.Addr{virtual4, virtual6},
	}
}

// openUp opens and brings up a Device that the test closes at the latest when it ends.
func openUp(t *testing.T, opts Options) *Device {
	t.Helper()
	d, err := Open(opts)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	must(t, d.Up())
	return d
}

func TestUpAndClose(t *testing.T) {
	checkLeaks(t)
	newNamespace(t)
	uplink(t)
	before := hostState(t)
	d := openUp(t, testOptions())
	must(t, d.Up()) // a second call does nothing

	link, err := netlink.LinkByName("tundns0")
	must(t, err)
	index := link.Attrs().Index
	if a := link.Attrs(); a.MTU != DefaultMTU || a.TxQLen != queueLength || a.Flags&net.FlagUp == 0 {
		t.Errorf("MTU %d, queue %d, flags %v; want %d, %d, up", a.MTU, a.TxQLen, a.Flags, DefaultMTU, queueLength)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	must(t, err)
	var have []netip.Prefix
	for _, a := range addrs {
		have = append(have, prefix(a.IPNet))
		if is6 := len(a.IP) == net.IPv6len; is6 && a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_NODAD) != unix.IFA_F_NODAD {
			t.Errorf("flags %#x of address %v: duplicates are looked for", a.Flags, a)
		}
	}
	// That there is no third one shows that the kernel made no link-local address.
	if want := []netip.Prefix{own4, own6}; !slices.Equal(have, want) {
		t.Errorf("addresses %v, want %v", have, want)
	}
	for _, v := range []netip.Addr{virtual4, virtual6} {
		want := []string{fmt.Sprintf("to %d", index), "unreachable"}
		if got := routesOf(t, single(v)); !slices.Equal(got, want) {
			t.Errorf("routes for %v: %q, want %q", v, got, want)
		}
		sendAndRead(t, d, v)
	}
	if w := d.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
	must(t, d.Close())
	must(t, d.Close())
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
	}
	if err := d.Up(); err == nil {
		t.Error("Up after Close succeeded")
	}
}

// sendAndRead sends a datagram to v and expects it, and nothing else, at the TUN.
func sendAndRead(t *testing.T, d *Device, v netip.Addr) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(v, 53)))
	must(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("query"))
	must(t, err)
	packets := readPackets(t, d, 1)
	src, dst := ends(packets[0])
	if want := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(); dst != v || src != want {
		t.Errorf("packet from %v to %v at the TUN, want from %v to %v", src, dst, want, v)
	}
	if src != own4.Addr() && src != own6.Addr() {
		t.Errorf("the host asks %v from %v, which is no address of the interface", v, src)
	}
}

// readPackets reads at least n packets from the TUN and fails if they take too long.
func readPackets(t *testing.T, d *Device, n int) [][]byte {
	t.Helper()
	const offset = 16
	dev := d.TUN()
	bufs, sizes := make([][]byte, dev.BatchSize()), make([]int, dev.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, offset+maxMTU)
	}
	must(t, dev.File().SetReadDeadline(time.Now().Add(10*time.Second)))
	var packets [][]byte
	for len(packets) < n {
		got, err := dev.Read(bufs, sizes, offset)
		if err != nil {
			t.Fatalf("%v after %d of %d packets", err, len(packets), n)
		}
		for i := range got {
			packets = append(packets, slices.Clone(bufs[i][offset:offset+sizes[i]]))
		}
	}
	return packets
}

// ends returns the source and destination of an IP packet.
func ends(p []byte) (src, dst netip.Addr) {
	if p[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	}
	return netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
}

func TestBurstFitsQueue(t *testing.T) {
	newNamespace(t)
	d := openUp(t, testOptions())
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(virtual4, 53)))
	must(t, err)
	defer conn.Close()
	// What waits in the interface's queue counts against the socket, as for no real client,
	// each of which has a socket of its own.
	raw, err := conn.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		must(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 16<<20))
	}))
	const burst = 1500
	for i := range uint32(burst) {
		_, err := conn.Write(binary.BigEndian.AppendUint32(nil, i))
		must(t, err)
	}
	for i, p := range readPackets(t, d, burst) {
		if got := binary.BigEndian.Uint32(p[len(p)-4:]); got != uint32(i) {
			t.Fatalf("packet %d of the burst is number %d", i, got)
		}
	}
}

func TestLinkDownDoesNotLeak(t *testing.T) {
	checkLeaks(t)
	newNamespace(t)
	uplink(t)
	opts := testOptions()
	routes := []netip.Prefix{netip.MustParsePrefix("10.77.0.0/16"), netip.MustParsePrefix("fd77::/32")}
	opts.Routes = routes
	d := openUp(t, opts)
	link, err := netlink.LinkByName(d.Name())
	must(t, err)
	up := hostState(t)

	must(t, netlink.LinkSetDown(link))
	for _, v := range []netip.Addr{virtual4, virtual6} {
		if got, want := routesOf(t, single(v)), []string{"unreachable"}; !slices.Equal(got, want) {
			t.Errorf("routes for %v while the link is down: %q, want %q", v, got, want)
		}
		if err := reach(v); !errors.Is(err, unix.EHOSTUNREACH) {
			t.Errorf("sending to %v while the link is down: %v, want %v", v, err, unix.EHOSTUNREACH)
		}
	}

	updates, done := make(chan netlink.RouteUpdate, 64), make(chan struct{})
	defer close(done)
	must(t, netlink.RouteSubscribe(updates, done))
	must(t, netlink.LinkSetUp(link))
	waitForRoute(t, updates, routes[len(routes)-1]) // the last one that is set
	if now := hostState(t); now != up {
		t.Errorf("after the link came back:\n%s\nbefore:\n%s", now, up)
	}
	sendAndRead(t, d, virtual4)
	sendAndRead(t, d, virtual6)
	must(t, d.Close())
}

// reach sends a datagram to a.
func reach(a netip.Addr) error {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 53)))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("query"))
	return err
}

func waitForRoute(t *testing.T, updates <-chan netlink.RouteUpdate, p netip.Prefix) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case u := <-updates:
			if u.Type == unix.RTM_NEWROUTE && prefix(u.Dst) == p {
				return
			}
		case <-timeout:
			t.Fatalf("no route for %v came back", p)
		}
	}
}

func TestRoutes(t *testing.T) {
	newNamespace(t)
	opts := testOptions()
	connected := netip.MustParsePrefix("10.8.0.0/24")
	behind := netip.MustParsePrefix("198.51.100.0/24")
	opts.Addresses = []netip.Prefix{netip.MustParsePrefix("10.8.0.2/24"), own6}
	opts.Routes = []netip.Prefix{connected, behind}
	d := openUp(t, opts)
	for _, p := range opts.Routes {
		if got, want := routesOf(t, p), []string{fmt.Sprintf("to %d", d.host.index())}; !slices.Equal(got, want) {
			t.Errorf("routes for %v: %q, want %q", p, got, want)
		}
	}
	must(t, d.Close())
}

func TestCloseEndsRead(t *testing.T) {
	checkLeaks(t)
	newNamespace(t)
	d := openUp(t, testOptions())
	ended := make(chan error)
	go func() {
		_, err := d.TUN().Read([][]byte{make([]byte, 2048)}, []int{0}, 16)
		ended <- err
	}()
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() { must(t, d.Close()) })
	}
	closing.Wait()
	// The error depends on whether Read was in the kernel already.
	if err := <-ended; err == nil {
		t.Error("Read returned a packet that nobody sent")
	}
}

// A Filter or WireGuard around the TUN closes it before the Device is closed.
func TestCloseAfterTUN(t *testing.T) {
	checkLeaks(t)
	newNamespace(t)
	before := hostState(t)
	d := openUp(t, testOptions())
	must(t, d.TUN().Close())
	must(t, d.Close())
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
	}
}

func TestIPv6Disabled(t *testing.T) {
	for _, which := range []string{"all", "default"} {
		t.Run(which, func(t *testing.T) {
			newNamespace(t)
			uplink(t)
			must(t, os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0))
			before := hostState(t)
			d := openUp(t, testOptions())
			if w := d.Warnings(); len(w) != 1 || !strings.Contains(w[0], "IPv6 is left out") || !strings.Contains(w[0], virtual6.String()) {
				t.Errorf("warnings %q, want one that names %v", w, virtual6)
			}
			sendAndRead(t, d, virtual4)
			if err := reach(virtual6); err == nil {
				t.Errorf("a packet to %v went somewhere", virtual6)
			}
			must(t, d.Close())
			if after := hostState(t); after != before {
				t.Errorf("left behind:\n%s\nbefore Open:\n%s", after, before)
			}
		})
	}
}

func TestSmallMTULeavesOutIPv6(t *testing.T) {
	newNamespace(t)
	opts := testOptions()
	opts.MTU = 1000
	d := openUp(t, opts)
	if w := d.Warnings(); len(w) != 1 || !strings.Contains(w[0], "MTU of 1000 is below 1280") {
		t.Errorf("warnings %q, want one about the MTU", w)
	}
	sendAndRead(t, d, virtual4)
	must(t, d.Close())
}

func TestNeighbourWarning(t *testing.T) {
	newNamespace(t)
	uplink(t)
	opts := testOptions()
	opts.Virtual = append(opts.Virtual, netip.MustParseAddr("192.0.2.53"))
	d := openUp(t, opts)
	if w := d.Warnings(); len(w) != 1 || !strings.Contains(w[0], "192.0.2.53 lies in the network 192.0.2.0/24 of interface uplink0") {
		t.Errorf("warnings %q, want one about uplink0's network", w)
	}
	must(t, d.Close())
}

// The child is killed while it is up; a new start must find nothing in its way and leave
// nothing behind.
func TestKilled(t *testing.T) {
	if isChild() {
		openUp(t, testOptions())
		fmt.Println("is up")
		select {}
	}
	newNamespace(t)
	before := hostState(t)
	cmd := childOf(t)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var seen strings.Builder
	for buf := make([]byte, 512); !strings.Contains(seen.String(), "is up"); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%v; the child said: %s", err, seen.String())
		}
		seen.Write(buf[:n])
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // reports the kill
	for _, v := range []netip.Addr{virtual4, virtual6} {
		if got, want := routesOf(t, single(v)), []string{"unreachable"}; !slices.Equal(got, want) {
			t.Errorf("routes for %v after the kill: %q, want %q", v, got, want)
		}
	}
	// Another virtual address this time: the old leftovers must go all the same.
	opts := testOptions()
	opts.Virtual = []netip.Addr{netip.MustParseAddr("10.30.30.31"), virtual6}
	must(t, openUp(t, opts).Close())
	if after := hostState(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}
