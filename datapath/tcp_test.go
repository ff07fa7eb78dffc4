package datapath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/faketime"
)

// A 64 KiB answer with its length is the largest that DNS over TCP has. The
// client ends its side first, and still gets all of it.
func TestTCPLargeExchangeAndHalfClose(t *testing.T) {
	h := newHarness(t, Config{})
	largest := 0
	c := newClient(h, func(p []byte) { largest = max(largest, len(p)) })
	for _, at := range []netip.AddrPort{ap(vip4, 53), ap(vip6, 53), ap(netip.IPv4Unspecified(), 54), ap(netip.IPv6Unspecified(), 54)} {
		serveTCP(h.listenTCP(at), func(c net.Conn) {
			b, err := io.ReadAll(c) // to the client's end
			if err != nil {
				t.Error(err)
			}
			c.Write(b)
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Error(err)
			}
			io.Copy(io.Discard, c)
		})
	}
	message := bytes.Repeat([]byte("0123456789abcdef"), (65535+2)/16+1)[:65537]
	for _, to := range []netip.AddrPort{ap(vip4, 53), ap(vip6, 53), ap(vip4, 54), ap(vip6, 54)} {
		conn := c.dial(to)
		go func() {
			conn.Write(message)
			conn.CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%v: got %d bytes, %v", to, len(got), err)
		}
	}
	if largest > 1420 {
		t.Errorf("a packet of %d bytes was sent over an MTU of 1420", largest)
	}
}

func TestTCPConnLikeNet(t *testing.T) {
	h := newHarness(t, Config{})
	client := newClient(h, nil)
	l := h.listenTCP(ap(netip.IPv4Unspecified(), 80))
	if l.Addr().String() != "0.0.0.0:80" {
		t.Errorf("Addr = %v", l.Addr())
	}
	peer := client.dial(ap(vip4, 80))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.LocalAddr().String(); got != "10.30.30.30:80" {
		t.Errorf("LocalAddr = %s", got)
	}
	if got := c.RemoteAddr().String(); got != peer.LocalAddr().String() {
		t.Errorf("RemoteAddr = %s", got)
	}
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past the deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	peer.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read at the end: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]func() error{
		"read":  func() error { _, err := c.Read(make([]byte, 1)); return err },
		"write": func() error { _, err := c.Write([]byte("x")); return err },
		"close": c.Close,
	} {
		if err := f(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	for _, a := range []struct {
		at   netip.AddrPort
		want error
	}{{ap(netip.IPv4Unspecified(), 80), syscall.EADDRINUSE}, {ap(vip4, 80), syscall.EADDRINUSE}, {ap(vip4, 0), nil}, {ap(far4, 80), nil}} {
		if _, err := h.ListenTCP(a.at); err == nil || a.want != nil && !errors.Is(err, a.want) {
			t.Errorf("listen at %v: %v, want %v", a.at, err, a.want)
		}
	}
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept while closing: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := client.tryDial(ap(vip4, 80)); err == nil {
		t.Error("a closed port accepts")
	}
	h.listenTCP(ap(vip4, 80))
}

// Ten thousand SYNs from addresses that never answer must neither take memory
// without bound nor keep an honest client out.
func TestSYNFlood(t *testing.T) {
	h := newHarness(t, Config{})
	c := newClient(h, nil)
	serveTCP(h.listenTCP(ap(vip4, 53)), tcpEcho)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const flood = 10_000
	exchange := func() {
		conn := c.dial(ap(vip4, 53))
		defer conn.Close()
		conn.Write([]byte("query"))
		b := make([]byte, 5)
		if _, err := io.ReadFull(conn, b); err != nil || string(b) != "query" {
			t.Fatalf("got %q, %v", b, err)
		}
	}
	for i := range flood {
		a := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
		h.send(tcpPacket(ap(a, uint16(i)|1024), ap(vip4, 53), flagSYN, uint32(i), 0))
		if i == flood/2 {
			exchange()
		}
	}
	exchange()
	runtime.GC()
	runtime.ReadMemStats(&after)
	// 512 half-open connections of some 10 KiB each.
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the flood holds %d KiB", grown>>10)
	}
	if s := h.Stats().Netstack; s.SYNCookies < flood/2 {
		t.Errorf("%d of %d SYNs were answered with cookies", s.SYNCookies, flood)
	}
}

// tcpAnswer returns the flags and sequence number of the next packet to a port
// of the host. Others, of connections that end meanwhile, are passed over.
func tcpAnswer(h *harness, port uint16) (flags byte, seq uint32) {
	h.t.Helper()
	for {
		_, seg := checkReply(h.t, h.receive(), vip4, host4)
		if binary.BigEndian.Uint16(seg[2:]) == port {
			return seg[13], binary.BigEndian.Uint32(seg[4:])
		}
	}
}

func TestAbandonedConnectionsEnd(t *testing.T) {
	clock := faketime.NewManualClock()
	h := newHarness(t, Config{clock: clock})
	l := h.listenTCP(ap(vip4, 53))
	from, to := ap(host4, 4000), ap(vip4, 53)
	endpoints := func() int { return len(h.net.stack.RegisteredEndpoints()) }
	idle := endpoints()

	// The handshake is never completed.
	h.send(tcpPacket(from, to, flagSYN, 100, 0))
	if flags, _ := tcpAnswer(h, from.Port()); flags != flagSYN|flagACK {
		t.Fatalf("flags %x", flags)
	}
	if endpoints() != idle+1 {
		t.Fatalf("%d endpoints beside the listener", endpoints()-idle)
	}
	for wait := time.Second; wait < 64*time.Second; wait *= 2 {
		clock.Advance(wait)
		if flags, _ := tcpAnswer(h, from.Port()); flags != flagSYN|flagACK {
			t.Fatalf("flags %x", flags)
		}
	}
	clock.Advance(64 * time.Second)
	waitFor(t, "the handshake to be given up", func() bool { return endpoints() == idle })

	// The connection is established, and the client is gone.
	from = ap(host4, 4001)
	h.send(tcpPacket(from, to, flagSYN, 100, 0))
	_, seq := tcpAnswer(h, from.Port())
	h.send(tcpPacket(from, to, flagACK, 101, seq+1))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
	clock.Advance(tcpKeepIdle)
	for range tcpKeepCount + 1 {
		clock.Advance(tcpKeepInterval)
	}
	select {
	case err := <-ended:
		if err == nil || err == io.EOF {
			t.Errorf("the dead connection ended with %v", err)
		}
	case <-within(t).Done():
		t.Fatal("the dead connection is still there")
	}
	c.Close()
	waitFor(t, "the dead connection to go", func() bool { return endpoints() == idle })

	// The client closes the connection's other end never.
	from = ap(host4, 4002)
	h.send(tcpPacket(from, to, flagSYN, 100, 0))
	_, seq = tcpAnswer(h, from.Port())
	h.send(tcpPacket(from, to, flagACK, 101, seq+1))
	if c, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	flags, seq := tcpAnswer(h, from.Port())
	if flags&flagFIN == 0 {
		t.Fatalf("flags %x", flags)
	}
	h.send(tcpPacket(from, to, flagACK, 101, seq+1))
	clock.Advance(tcpFinWait + time.Second)
	waitFor(t, "the half-closed connection to go", func() bool {
		clock.Advance(time.Second)
		return endpoints() == idle
	})
}

// What a service wrote before it closed is not offered for ever.
func TestUnacknowledgedDataEnds(t *testing.T) {
	clock := faketime.NewManualClock()
	h := newHarness(t, Config{clock: clock})
	l := h.listenTCP(ap(vip4, 53))
	idle := len(h.net.stack.RegisteredEndpoints())
	from, to := ap(host4, 4000), ap(vip4, 53)
	h.send(tcpPacket(from, to, flagSYN, 100, 0))
	_, seq := tcpAnswer(h, from.Port())
	h.send(tcpPacket(from, to, flagACK, 101, seq+1))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("answer"))
	c.Close()
	elapsed := time.Duration(0)
	waitFor(t, "the connection to go", func() bool {
		clock.Advance(time.Second)
		elapsed += time.Second
		return len(h.net.stack.RegisteredEndpoints()) == idle
	})
	if elapsed < tcpUserTimeout {
		t.Errorf("given up after %v", elapsed)
	}
}

// waitFor waits for what another goroutine brings about.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
