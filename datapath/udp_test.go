package datapath

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tundns/datapath/memtun"
)

func TestUDPEcho(t *testing.T) {
	h := newHarness(t, Config{})
	other4, other6 := netip.MustParseAddr("10.30.30.31"), netip.MustParseAddr("fd30:30:30::31")
	for _, a := range []netip.Addr{other4, other6} {
		if err := h.AddAddress(a); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []netip.AddrPort{ap(vip4, 53), ap(vip6, 53), ap(netip.IPv4Unspecified(), 54), ap(netip.IPv6Unspecified(), 54)} {
		echo(h.listenUDP(a), 2, same)
	}
	for _, c := range []struct{ from, to netip.AddrPort }{
		{ap(host4, 4000), ap(vip4, 53)},
		{ap(host6, 4000), ap(vip6, 53)},
		{ap(host4, 4000), ap(vip4, 54)},
		{ap(host4, 4000), ap(other4, 54)},
		{ap(host6, 4000), ap(vip6, 54)},
		{ap(host6, 4000), ap(other6, 54)},
		{ap(far4, 1), ap(other4, 54)},
	} {
		for _, payload := range []string{"", "x", "query", strings.Repeat("x", 1372)} {
			query := udpPacket(c.from, c.to, payload)
			if c.from.Addr().Is4() && payload == "" {
				query = edit(query, func(p []byte) { p[26], p[27] = 0, 0 }) // no checksum
			}
			proto, seg := checkReply(t, h.ask(query), c.to.Addr(), c.from.Addr())
			if want := udpSeg(c.to, c.from, []byte(payload)); proto != protoUDP || string(seg) != string(want) {
				t.Errorf("%v to %v: answered by %x, want %x", c.from, c.to, seg, want)
			}
		}
	}
	// Through the netstack: options and extension headers.
	seg4, seg6 := udpPacket(ap(host4, 4000), ap(vip4, 53), "query")[20:], udpPacket(ap(host6, 4000), ap(vip6, 53), "query")[40:]
	for _, p := range [][]byte{
		ip(host4, vip4, protoUDP, seg4, 7, 7, 4, 0, 0, 0, 0, 0),
		ip(host4, vip4, protoUDP, append(seg4, 0, 0, 0), 1, 1, 1, 0), // padded
		ip(host6, vip6, 0, ext(60, padN, ext(17, padN, seg6))),
	} {
		src, dst, _ := addresses(p)
		if proto, seg := checkReply(t, h.ask(p), dst, src); proto != protoUDP || string(seg[8:]) != "query" {
			t.Errorf("%x: answered by %x", p, seg)
		}
	}
}

func TestUDPSender(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.listenUDP(ap(netip.IPv4Unspecified(), 53))
	h.send(udpPacket(ap(host4, 4000), ap(vip4, 53), "query"))
	b := make([]byte, 3)
	n, from, err := c.ReadDatagram(b)
	want := Sender{Addr: ap(host4, 4000), Local: vip4, From: FromHost}
	if err != nil || n != 3 || string(b) != "que" || from != want {
		t.Fatalf("ReadDatagram = %d, %+v, %v", n, from, err)
	}
	if from.String() != "10.30.30.1:4000" || from.Network() != "udp" || from.AddrPort() != from.Addr {
		t.Errorf("Sender is %v, %v, %v", from, from.Network(), from.AddrPort())
	}
	h.send(udpPacket(ap(host4, 4000), ap(vip4, 53), "query"))
	_, addr, err := c.ReadFrom(b)
	if err != nil || addr != net.Addr(want) {
		t.Fatalf("ReadFrom = %v, %v", addr, err)
	}
	if _, err := c.WriteTo([]byte("answer"), addr); err != nil {
		t.Fatal(err)
	}
	if _, seg := checkReply(t, h.receive(), vip4, host4); string(seg[8:]) != "answer" {
		t.Errorf("answer is %x", seg)
	}
}

func TestUDPConnLikeNet(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.listenUDP(ap(vip6, 53))
	h.send(udpPacket(ap(host6, 4000), ap(vip6, 53), "query"))
	b := make([]byte, 100)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil || string(b[:n]) != "query" || from != ap(host6, 4000) {
		t.Fatalf("ReadFromUDPAddrPort = %q, %v, %v", b[:n], from, err)
	}
	for range 2 {
		if n, err := c.WriteToUDPAddrPort([]byte("answer"), from); n != 6 || err != nil {
			t.Fatalf("WriteToUDPAddrPort = %d, %v", n, err)
		}
		checkReply(t, h.receive(), vip6, host6)
	}
	if n, err := c.WriteTo([]byte("answer"), net.UDPAddrFromAddrPort(from)); n != 6 || err != nil {
		t.Fatalf("WriteTo = %d, %v", n, err)
	}
	checkReply(t, h.receive(), vip6, host6)
	if got := c.LocalAddr().String(); got != "[fd30:30:30::30]:53" {
		t.Errorf("LocalAddr = %s", got)
	}
}

func TestUDPRefusals(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.listenUDP(ap(vip4, 53))
	all := h.listenUDP(ap(netip.IPv6Unspecified(), 53))
	sender := Sender{Addr: ap(host4, 4000), Local: vip4}
	_, errNone := c.WriteDatagram([]byte("x"), sender)
	if errNone != nil {
		t.Fatal(errNone)
	}
	h.receive()
	long4, long6 := make([]byte, h.MaxUDPPayload(vip4)+1), make([]byte, h.MaxUDPPayload(vip6)+1)
	if len(long4) != 1420-28+1 || len(long6) != 1420-48+1 {
		t.Errorf("MaxUDPPayload is %d and %d", len(long4)-1, len(long6)-1)
	}
	for _, w := range []struct {
		name string
		c    *UDPConn
		b    []byte
		to   net.Addr
		want error
	}{
		{"too long v4", c, long4, sender, syscall.EMSGSIZE},
		{"too long v6", all, long6, Sender{Addr: ap(host6, 1), Local: vip6}, syscall.EMSGSIZE},
		{"port 0", c, nil, Sender{Addr: ap(host4, 0), Local: vip4}, syscall.EDESTADDRREQ},
		{"other family", c, nil, Sender{Addr: ap(host6, 1), Local: vip4}, syscall.EDESTADDRREQ},
		{"no local address", c, nil, Sender{Addr: ap(host4, 1)}, syscall.EDESTADDRREQ},
		{"not virtual", all, nil, Sender{Addr: ap(host6, 1), Local: far6}, syscall.EADDRNOTAVAIL},
		{"not bound to", c, nil, Sender{Addr: ap(host4, 1), Local: far4}, syscall.EADDRNOTAVAIL},
		{"peers not served", c, nil, Sender{Addr: ap(host4, 1), Local: vip4, From: FromPeers}, nil},
		{"unspecified, no sender", all, nil, net.UDPAddrFromAddrPort(ap(host6, 1)), nil},
		{"not UDP", c, nil, &net.TCPAddr{}, nil},
	} {
		_, err := w.c.WriteTo(w.b, w.to)
		var op *net.OpError
		if !errors.As(err, &op) || w.want != nil && !errors.Is(err, w.want) {
			t.Errorf("%s: %v, want %v", w.name, err, w.want)
		}
	}

	for _, l := range []struct {
		at   netip.AddrPort
		want error
	}{
		{ap(vip4, 53), syscall.EADDRINUSE},
		{ap(netip.IPv4Unspecified(), 53), syscall.EADDRINUSE},
		{ap(vip6, 53), syscall.EADDRINUSE},
		{ap(vip4, 0), nil},
		{ap(far4, 53), nil},
		{netip.AddrPort{}, nil},
	} {
		if _, err := h.ListenUDP(l.at); err == nil || l.want != nil && !errors.Is(err, l.want) {
			t.Errorf("listen at %v: %v, want %v", l.at, err, l.want)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := c.WriteDatagram(nil, sender); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if _, _, err := c.ReadDatagram(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	// The port is free, and unreachable until then.
	if proto, _ := checkReply(t, h.ask(udpPacket(ap(host4, 1), ap(vip4, 53), "x")), vip4, host4); proto != protoICMP {
		t.Errorf("closed port answers with protocol %d", proto)
	}
	h.listenUDP(ap(vip4, 53))
}

func TestUDPReadDeadline(t *testing.T) {
	// The conn needs no filter to wait.
	conn := func() *UDPConn {
		return &UDPConn{f: &Filter{}, queue: make(chan *datagram, 1), done: make(chan struct{})}
	}
	timedOut := func(c *UDPConn) bool {
		_, _, err := c.ReadDatagram(nil)
		var ne net.Error
		return errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &ne) && ne.Timeout()
	}
	synctest.Test(t, func(t *testing.T) {
		c := conn()
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Second))
		if !timedOut(c) || time.Since(start) != time.Second {
			t.Errorf("timed out after %v", time.Since(start))
		}
		if !timedOut(c) {
			t.Error("a deadline that has come is forgotten")
		}

		// Moved while waited for, there and back.
		c.SetReadDeadline(time.Time{})
		start = time.Now()
		done := make(chan bool)
		for range 3 {
			go func() { done <- timedOut(c) }()
		}
		synctest.Wait()
		c.SetReadDeadline(start.Add(time.Second))
		c.SetDeadline(start.Add(time.Hour))
		time.Sleep(time.Minute)
		c.SetReadDeadline(time.Now())
		for range 3 {
			if !<-done || time.Since(start) != time.Minute {
				t.Errorf("timed out after %v", time.Since(start))
			}
		}

		// A deadline does not take what is there, and never comes once unset.
		c.SetReadDeadline(time.Time{})
		c.enqueue([]byte("x"), Sender{})
		if n, _, err := c.ReadDatagram(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("ReadDatagram = %d, %v", n, err)
		}
	})
}

func TestUDPQueueIsBounded(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.listenUDP(ap(vip4, 53))
	for range udpQueueLen + 100 {
		h.send(udpPacket(ap(host4, 1), ap(vip4, 53), ""))
	}
	h.silent()
	if got := h.Stats().Host.Dropped[ServiceBusy]; got != 100 {
		t.Errorf("%d dropped, want 100", got)
	}
	b := make([]byte, 1)
	for range udpQueueLen {
		if _, _, err := c.ReadDatagram(b); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.queued.Load(); got != 0 {
		t.Errorf("%d bytes queued in an empty queue", got)
	}

	// By bytes.
	big := make([]byte, 60_000)
	kept := 0
	for c.enqueue(big, Sender{}) {
		kept++
	}
	if want := udpQueueBytes / len(big); kept != want {
		t.Errorf("%d large datagrams kept, want %d", kept, want)
	}
}

// A burst comes faster than any service reads it.
func TestUDPBurst(t *testing.T) {
	h := newHarness(t, Config{})
	echo(h.listenUDP(ap(vip4, 53)), 2, same)
	const burst, batch = 1500, 64
	var packets [][]byte
	for i := range burst {
		packets = append(packets, udpPacket(ap(host4, uint16(10_000+i)), ap(vip4, 53), fmt.Sprint("query ", i)))
	}
	for len(packets) > 0 {
		n := min(batch, len(packets))
		h.send(packets[:n]...)
		packets = packets[n:]
	}
	seen := map[string]bool{}
	for len(seen) < burst*9/10 {
		_, seg := checkReply(t, h.receive(), vip4, host4)
		seen[string(seg[8:])] = true
	}
}

func TestUDPManyReadersAndWriters(t *testing.T) {
	h := newHarness(t, Config{})
	c := h.listenUDP(ap(vip4, 53))
	echo(c, 8, same)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				h.host.Send(udpPacket(ap(host4, uint16(1000+w)), ap(vip4, 53), fmt.Sprint(i)))
			}
		})
	}
	counts := map[uint16]int{}
	for range 4 * 500 {
		_, seg := checkReply(t, h.receive(), vip4, host4)
		counts[uint16(seg[2])<<8|uint16(seg[3])]++
	}
	wg.Wait()
	for port, n := range counts {
		if n != 500 {
			t.Errorf("port %d was answered %d times", port, n)
		}
	}
}

func TestMTUIsFollowed(t *testing.T) {
	h := newHarness(t, Config{})
	for _, c := range []struct{ mtu, want int }{{1280, 1280}, {9000, 9000}, {100, 9000}, {70_000, 9000}, {1420, 1420}} {
		h.host.SetMTU(c.mtu)
		// The event comes out behind the update.
		for e := range h.Events() {
			if e&2 != 0 || e&4 != 0 {
				break
			}
		}
		if got := h.MaxUDPPayload(vip4); got != c.want-28 {
			t.Errorf("MTU %d: payload of %d, want %d", c.mtu, got, c.want-28)
		}
	}
}

func BenchmarkUDPEcho(b *testing.B) {
	host := memtun.New(memtun.Options{})
	f := newFilter(b, host, Config{})
	go f.Run(b.Context())
	c, err := f.ListenUDP(ap(vip4, 53))
	if err != nil {
		b.Fatal(err)
	}
	echo(c, 2, same)
	q := udpPacket(ap(host4, 4000), ap(vip4, 53), "a query of forty bytes, as they often are")
	const window = 32
	for range window {
		host.Send(q)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := host.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
		host.Send(q)
	}
}

// serveOne returns a function that takes one query the whole way: read from
// the device, queued, read by the service, answered, written to the device.
func serveOne(t testing.TB) func() {
	dev := newScriptTUN(1)
	dev.replay([][]byte{udpPacket(ap(host4, 4000), ap(vip4, 53), "a query of forty bytes, as they often are")})
	written := make(chan struct{}, 1)
	dev.write = func(bufs [][]byte, _ int) (int, error) {
		written <- struct{}{}
		return len(bufs), nil
	}
	f := newFilter(t, dev, Config{})
	c, err := f.ListenUDP(ap(vip4, 53))
	if err != nil {
		t.Fatal(err)
	}
	bufs, sizes, buf := newBuffers(1), make([]int, 1), make([]byte, 512)
	return func() {
		f.Read(bufs, sizes, headroom)
		n, from, err := c.ReadDatagram(buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteDatagram(buf[:n], from); err != nil {
			t.Fatal(err)
		}
		<-written
	}
}

func TestServingUDPAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("sync.Pool drops at random under the race detector: not counting")
		return
	}
	serve := serveOne(t)
	if got := testing.AllocsPerRun(1000, serve); got != 0 {
		t.Errorf("%v allocations a query", got)
	}
}

func BenchmarkUDPServe(b *testing.B) {
	serve := serveOne(b)
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
