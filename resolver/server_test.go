package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/dnswire"
)

// serveUDP runs s on a loopback socket until the test ends.
func serveUDP(t *testing.T, s *Server) *net.UDPConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.ServeUDP(ctx, pc) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.UDPConn)
}

func exchange(t *testing.T, c net.Conn, msg []byte) *dns.Msg {
	t.Helper()
	if _, err := c.Write(msg); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 65535)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return unpack(t, b[:n])
}

func TestServeUDP(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1")}
	r := start(t, up, nil, 0)
	t.Run("answers", func(t *testing.T) {
		c := serveUDP(t, &Server{Handler: r})
		c.Write([]byte("garbage"))
		for range 2 {
			if m := exchange(t, c, ask(t, "example.com.", dns.TypeA, nil)); summary(m) != "NOERROR; example.com. 60 IN A 192.0.2.1" {
				t.Error(summary(m))
			}
		}
		m := exchange(t, c, ask(t, "x.example.com.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) }))
		if summary(m) != "NXDOMAIN" {
			t.Error(summary(m))
		}
	})
	r.Close()
}

// packetConn hides what *net.UDPConn has over net.PacketConn.
type packetConn struct{ net.PacketConn }

func TestServeAnyPacketConn(t *testing.T) {
	r := start(t, &script{answer: zone("example.com. 60 IN A 192.0.2.1")}, nil, 0)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- (&Server{Handler: r}).ServeUDP(context.Background(), packetConn{udp}) }()
	c, err := net.Dial("udp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if m := exchange(t, c, ask(t, "example.com.", dns.TypeA, nil)); len(m.Answer) != 1 {
		t.Error(summary(m))
	}
	udp.Close()
	if err := <-done; err != nil {
		t.Errorf("after the socket was closed: %v", err)
	}
}

func TestCachedAnswersPassWaitingOnes(t *testing.T) {
	release := make(chan struct{})
	good := zone("example.com. 60 IN A 192.0.2.1")
	up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
		if q.Question[0].Name != "example.com." {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return good(ctx, q)
	}}
	r := start(t, up, nil, 0)
	defer close(release)
	var later pending
	s := &Server{Handler: r}
	s.init()
	resolve(t, r, "example.com A")
	overloaded := 0
	for i := range maxFlights + 1000 {
		reply, pending := s.serve(t.Context(), nil, ask(t, fmt.Sprintf("n%d.example.com.", i), dns.TypeA, nil), client, UDP, &later, func([]byte) {})
		if !pending && dnswire.Rcode(reply) == dnswire.RcodeServerFailure {
			overloaded++
		}
	}
	reply, pending := s.serve(t.Context(), nil, ask(t, "example.com.", dns.TypeA, nil), client, UDP, nil, nil)
	if pending || dnswire.Count(reply, dnswire.Answer) != 1 {
		t.Error("a cached answer has to wait")
	}
}

func TestLimiter(t *testing.T) {
	l := limiter{max: 3, maxClient: 2, clients: make(map[netip.Addr]int)}
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i, c := range []struct {
		addr netip.Addr
		want string
	}{{a, ""}, {a, ""}, {a, "client"}, {b, ""}, {b, "all"}} {
		if got := l.enter(c.addr); got != c.want {
			t.Errorf("%d: %q", i, got)
		}
	}
	l.leave(a)
	if l.enter(b) != "" || len(l.clients) != 2 {
		t.Error("a place that was given back is not free")
	}
	l.leave(a)
	l.leave(b)
	l.leave(b)
	if l.all != 0 || len(l.clients) != 0 {
		t.Errorf("%+v", l.clients)
	}
}

func TestOverloadIsSERVFAIL(t *testing.T) {
	s := &Server{Handler: HandlerFunc(func(context.Context, *Query) (*Answer, error) { return nil, ErrWait })}
	s.init()
	s.waiting.max = 0
	reply, waits := s.serve(t.Context(), nil, ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false) }), client, UDP, new(pending), nil)
	if waits {
		t.Fatal("pending")
	}
	m := unpack(t, reply)
	if codes, text := ede(m); m.Rcode != dns.RcodeServerFailure || len(codes) != 1 || text == "|" {
		t.Errorf("%s", m)
	}
}
