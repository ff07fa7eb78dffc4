package datapath

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/refs"

	"tundns/datapath/memtun"
)

// Packet buffers of the netstack are counted by references; with this mode on,
// one that is never released is reported.
func TestMain(m *testing.M) {
	refs.SetLeakMode(refs.LeaksPanic)
	code := m.Run()
	if code == 0 {
		refs.DoRepeatedLeakCheck()
	}
	os.Exit(code)
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		mtu   int
		addrs []netip.Addr
		says  string
	}{
		{500, nil, "MTU is 500"},
		{70_000, nil, "MTU is 70000"},
		{1000, []netip.Addr{vip6}, "needs an MTU of 1280"},
		{1420, []netip.Addr{vip4, vip4}, "virtual address already"},
		{1420, []netip.Addr{vip4, netip.MustParseAddr("::ffff:10.30.30.30")}, "virtual address already"},
		{1420, []netip.Addr{{}}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("224.0.0.1")}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("255.255.255.255")}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.IPv6Unspecified()}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("fe80::1")}, "cannot be a virtual address"},
		{1420, []netip.Addr{netip.MustParseAddr("ff02::1")}, "cannot be a virtual address"},
	} {
		leaks := goleak.IgnoreCurrent()
		dev := memtun.New(memtun.Options{MTU: c.mtu})
		f, err := New(dev, Config{Addresses: c.addrs})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("MTU %d, %v: %v, want %q", c.mtu, c.addrs, err, c.says)
		}
		if f != nil {
			f.Close()
		}
		if err := dev.Close(); err != nil {
			t.Errorf("the device was closed: %v", err)
		}
		goleak.VerifyNone(t, leaks)
	}
	// 1000 is enough for IPv4.
	newFilter(t, memtun.New(memtun.Options{MTU: 1000}), Config{Addresses: []netip.Addr{vip4}})
}

func TestFilterIsItsDevice(t *testing.T) {
	dev := memtun.New(memtun.Options{Name: "wg9", MTU: 1300, BatchSize: 17})
	f := newFilter(t, dev, Config{})
	name, err := f.Name()
	mtu, _ := f.MTU()
	if name != "wg9" || err != nil || mtu != 1300 || f.BatchSize() != 17 || f.File() != nil {
		t.Errorf("name %q, %v, MTU %d, batch %d", name, err, mtu, f.BatchSize())
	}
}

func TestAddressesChangeWhilePacketsFlow(t *testing.T) {
	h := newHarness(t, Config{Addresses: []netip.Addr{vip4}})
	other := netip.MustParseAddr("10.30.30.31")
	echo(h.listenUDP(ap(netip.IPv4Unspecified(), 7)), 1, same)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := h.AddAddress(vip6); err != nil {
					t.Error(err)
				}
				if err := h.RemoveAddress(vip6); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 50 {
		if err := h.AddAddress(other); err != nil {
			t.Fatal(err)
		}
		if _, seg := checkReply(t, h.ask(udpPacket(ap(host4, 1), ap(other, 7), "x")), other, host4); string(seg[8:]) != "x" {
			t.Errorf("answer %x", seg)
		}
		checkReply(t, h.ask(ping(host4, other, "x")), other, host4)
		if err := h.RemoveAddress(other); err != nil {
			t.Fatal(err)
		}
		h.silent(udpPacket(ap(host4, 1), ap(other, 7), "x"), ping(host4, other, "x"))
	}
	close(stop)
	wg.Wait()
	if got := h.Stats().Discarded; got != 100 {
		t.Errorf("%d packets passed, want 100", got)
	}
	if err := h.AddAddress(vip4); err == nil {
		t.Error("added twice")
	}
	if err := h.RemoveAddress(other); err == nil {
		t.Error("removed twice")
	}
	if got := h.Addresses(); !slices.Equal(got, []netip.Addr{vip4}) {
		t.Errorf("addresses %v", got)
	}
}

func TestEvents(t *testing.T) {
	const up, down, mtu tun.Event = tun.EventUp, tun.EventDown, tun.EventMTUUpdate
	for _, c := range []struct{ in, want []tun.Event }{
		{nil, nil},
		{[]tun.Event{up}, []tun.Event{up}},
		{[]tun.Event{up, mtu, mtu, mtu}, []tun.Event{up, mtu}},
		{[]tun.Event{up, down, up, down}, []tun.Event{down}},
		{[]tun.Event{mtu, up, mtu, down}, []tun.Event{mtu, down}},
		{[]tun.Event{up | mtu, down}, []tun.Event{mtu, down}},
		{[]tun.Event{up, up | mtu}, []tun.Event{up | mtu}},
	} {
		var got []tun.Event
		for _, e := range c.in {
			got = addEvent(got, e)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v leaves %v, want %v", c.in, got, c.want)
		}
	}

	dev := memtun.New(memtun.Options{})
	f := newFilter(t, dev, Config{})
	for range 100 {
		dev.SetMTU(1400) // nobody reads, and nothing is held up
	}
	waitFor(t, "the MTU", func() bool { return f.MaxUDPPayload(vip4) == 1400-28 })
	if e := <-f.Events(); e != tun.EventUp {
		t.Errorf("first event %v", e)
	}
	f.Close()
	for range f.Events() { // closed
	}
}

func TestRunEndsWithTheDevice(t *testing.T) {
	failed := errors.New("device failed")
	dev := newScriptTUN(1)
	reads := 0
	dev.read = func(bufs [][]byte, sizes []int, offset int) (int, error) {
		if reads++; reads == 1 {
			sizes[0] = copy(bufs[0][offset:], udpPacket(ap(host4, 1), ap(far4, 1), "x"))
			return 1, fmt.Errorf("some lost: %w", tun.ErrTooManySegments)
		}
		return 0, failed
	}
	f := newFilter(t, dev, Config{})
	if err := f.Run(context.Background()); !errors.Is(err, failed) {
		t.Errorf("Run = %v", err)
	}
	if s := f.Stats(); s.Discarded != 1 || s.Host.Passed != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// Close ends everything that waits, whoever waits for what, and leaves no
// goroutine; the context of Run does the same.
func TestClose(t *testing.T) {
	for _, by := range []string{"Close", "context"} {
		t.Run(by, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			host := memtun.New(memtun.Options{})
			f, err := New(host, Config{Addresses: []netip.Addr{vip4, vip6}})
			if err != nil {
				t.Fatal(err)
			}
			h := &harness{f, t, host}
			ended := make(chan error, 8)
			go func() {
				err := f.Run(ctx)
				if err != nil {
					err = fmt.Errorf("Run: %w", err)
				}
				ended <- err
			}()
			closed := func(what string, err error) {
				if errors.Is(err, net.ErrClosed) {
					err = nil
				} else {
					err = fmt.Errorf("%s ended with %v", what, err)
				}
				ended <- err
			}
			u := h.listenUDP(ap(vip4, 53))
			l, quiet := h.listenTCP(ap(vip4, 53)), h.listenTCP(ap(vip6, 53))
			go func() { _, _, err := u.ReadDatagram(nil); closed("ReadDatagram", err) }()
			go func() { _, err := quiet.Accept(); closed("Accept", err) }()
			// An open connection, one not accepted, and a handshake.
			var c net.Conn
			for port := range uint16(2) {
				h.send(tcpPacket(ap(host4, 4000+port), ap(vip4, 53), flagSYN, 100, 0))
				_, seq := tcpAnswer(h, 4000+port)
				h.send(tcpPacket(ap(host4, 4000+port), ap(vip4, 53), flagACK, 101, seq+1))
				if port == 0 {
					if c, err = l.Accept(); err != nil {
						t.Fatal(err)
					}
				}
			}
			h.send(tcpPacket(ap(host4, 4009), ap(vip4, 53), flagSYN, 100, 0))
			tcpAnswer(h, 4009)
			h.send(fragments(udpPacket(ap(host4, 1), ap(vip4, 53), strings.Repeat("x", 900)), 400, 1)[0])
			go func() { _, err := c.Read(make([]byte, 1)); closed("conn.Read", err) }()

			if by == "Close" {
				if err := f.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			} else {
				cancel()
			}
			for range 4 {
				select {
				case err := <-ended:
					if err != nil {
						t.Error(err)
					}
				case <-within(t).Done():
					t.Fatal("something still waits")
				}
			}
			if err := f.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			c.Close()
			for what, err := range map[string]error{
				"AddAddress":    f.AddAddress(far4),
				"RemoveAddress": f.RemoveAddress(vip4),
				"AddRule": func() error {
					_, err := f.AddRule(Rule{Dst: prefixes("::/0")[0], Handler: func([]byte) Verdict { return Pass }})
					return err
				}(),
				"Read": func() error { _, err := f.Read(newBuffers(1), make([]int, 1), headroom); return err }(),
			} {
				if !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s after Close: %v", what, err)
				}
			}
			if _, err := f.ListenUDP(ap(vip4, 54)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("ListenUDP after Close: %v", err)
			}
			if _, err := f.ListenTCP(ap(vip4, 54)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("ListenTCP after Close: %v", err)
			}
			if _, err := f.Write(withRoom(ping(peer4, vip4, "x")), headroom); err != nil {
				t.Errorf("Write of an absorbed packet after Close: %v", err)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

func TestReasonsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for r := range Reason(len(Drops{})) {
		names[r.String()] = true
	}
	if len(names) != len(Drops{}) || names[""] {
		t.Errorf("names: %v", names)
	}
	if FromHost.String() != "host" || FromPeers.String() != "peers" {
		t.Errorf("%v, %v", FromHost, FromPeers)
	}
}
