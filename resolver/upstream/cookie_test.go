package upstream

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// sentCookie is the data of a query's COOKIE option.
func sentCookie(t *testing.T, query []byte) []byte {
	t.Helper()
	rr, found, more := dnswire.FindOPT(query)
	if !found || more {
		t.Errorf("query %x has no OPT record of its own", query)
		return nil
	}
	c, _ := findOption(dnswire.ReadOPT(query, &rr).Options, dnswire.OptionCookie)
	return c
}

// withCookie adds an OPT record with a COOKIE option to a reply.
func withCookie(reply, cookie []byte, rcode uint8) []byte {
	reply = dnswire.AppendOPT(reply, dnswire.OPT{UDPSize: 1232, Rcode: rcode, Options: dnswire.AppendOption(nil, dnswire.OptionCookie, cookie)})
	dnswire.SetCount(reply, dnswire.Additional, 1)
	return reply
}

// cookieServer is a server with DNS cookies of its own (RFC 7873 section 5.2). It
// writes down the cookies that it gets.
type cookieServer struct {
	mu     sync.Mutex
	secret []byte
	strict bool // BADCOOKIE without the right cookie
	plain  bool // no cookies at all
	got    [][]byte
}

func (s *cookieServer) answer(t *testing.T, query []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := sentCookie(t, query)
	s.got = append(s.got, c)
	if len(c) < clientCookie {
		return refused(query)
	}
	if s.plain {
		return answer(query)
	}
	fresh := append(bytes.Clone(c[:clientCookie]), s.secret...)
	if s.strict && !bytes.Equal(c, fresh) {
		reply := head(query, dnswire.RcodeBadCookie&0xF)
		return withCookie(reply, fresh, dnswire.RcodeBadCookie>>4)
	}
	return withCookie(answer(query), fresh, 0)
}

func (s *cookieServer) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

func (s *cookieServer) become(secret string, strict, plain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret, s.strict, s.plain = []byte(secret), strict, plain
}

// TestCookies (RFC 7873 section 5): a cookie of ours from the first query on, the
// server's with it from then on, and BADCOOKIE costs one more datagram.
func TestCookies(t *testing.T) {
	server := &cookieServer{secret: []byte("12345678")}
	s := upstreamtest.NewDNS(t, func(query []byte) []byte {
		if sentCookie(t, query) == nil {
			return truncated(query) // seen over TCP only, where no cookie is sent
		}
		return server.answer(t, query)
	})
	tr := transport(t, Server{URL: "udp://" + s.Addr().String()}, nil)
	exchange(t, tr)
	exchange(t, tr)
	got := server.take()
	if len(got) != 2 || len(got[0]) != clientCookie || string(got[1]) != string(got[0])+"12345678" {
		t.Fatalf("cookies %x", got)
	}
	if bytes.Equal(got[0], make([]byte, clientCookie)) {
		t.Error("the client cookie is not random")
	}
	server.become("another secret of a server", true, false)
	exchange(t, tr)
	exchange(t, tr)
	after := server.take()
	if len(after) != 3 || !bytes.Equal(after[0], got[1]) || string(after[1]) != string(got[0])+"another secret of a server" || !bytes.Equal(after[2], after[1]) {
		t.Fatalf("cookies %x after a change of the server's", after)
	}
	other := transport(t, Server{URL: "udp://" + s.Addr().String()}, nil)
	exchange(t, other)
	if c := server.take()[0]; bytes.Equal(c[:clientCookie], got[0]) {
		t.Error("two transports have the same cookie")
	}
}

// TestCookieMissing: a server that has given cookies answers without one. The
// answer may be forged, so TCP decides; then the server is taken as it is.
func TestCookieMissing(t *testing.T) {
	server := &cookieServer{secret: []byte("12345678")}
	var mu sync.Mutex
	tcp := 0
	s := upstreamtest.NewDNS(t, func(query []byte) []byte {
		if sentCookie(t, query) == nil {
			mu.Lock()
			defer mu.Unlock()
			tcp++
			return answer(query)
		}
		return server.answer(t, query)
	})
	tr := transport(t, Server{URL: "udp://" + s.Addr().String()}, nil)
	exchange(t, tr)
	server.become("", false, true)
	for range 3 {
		exchange(t, tr)
	}
	mu.Lock()
	defer mu.Unlock()
	if tcp != 1 {
		t.Errorf("%d queries over TCP", tcp)
	}
}

// TestCookieBadTwice: a server that is never content is asked over TCP.
func TestCookieBadTwice(t *testing.T) {
	n := 0
	var mu sync.Mutex
	s := upstreamtest.NewDNS(t, func(query []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		c := sentCookie(t, query)
		if c == nil {
			return answer(query)
		}
		n++
		return withCookie(head(query, dnswire.RcodeBadCookie&0xF), append(bytes.Clone(c[:clientCookie]), 1, 2, 3, 4, 5, 6, 7, byte(n)), dnswire.RcodeBadCookie>>4)
	})
	exchange(t, transport(t, Server{URL: "udp://" + s.Addr().String()}, nil))
	mu.Lock()
	defer mu.Unlock()
	if n != 2 {
		t.Errorf("%d datagrams", n)
	}
}

// TestCookieForgeries (RFC 7873 section 5.3): right in port, ID and question, but
// not in our cookie.
func TestCookieForgeries(t *testing.T) {
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		c := sentCookie(t, query)
		for _, cookie := range [][]byte{
			make([]byte, 16),
			append(make([]byte, 8), c...),
			c,     // without the server's part
			c[:7], // too short
			{},    // empty
			append(bytes.Clone(c), make([]byte, 7)...),  // too short
			append(bytes.Clone(c), make([]byte, 33)...), // too long
		} {
			wrong := answer(query)
			wrong[len(wrong)-1] = 66
			conn.WriteToUDPAddrPort(withCookie(wrong, cookie, 0), from)
		}
		conn.WriteToUDPAddrPort(withCookie(answer(query), append(bytes.Clone(c), make([]byte, 8)...), 0), from)
	})
	reply := exchange(t, transport(t, s, nil))
	rr, _, _ := dnswire.FindOPT(reply)
	if reply[rr.Owner-1] != 1 {
		t.Errorf("the forged answer %x was taken", reply)
	}
}

// TestCookieWays: a new address of ours has a new cookie, and the jar is bounded.
func TestCookieWays(t *testing.T) {
	var jar cookieJar
	to := netip.MustParseAddrPort("192.0.2.1:53")
	at := func(i int) way { return way{netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), to} }
	seen := map[string]bool{}
	for i := range 3 * maxWays {
		c := jar.get(at(i))
		if seen[string(c)] || len(c) != clientCookie {
			t.Errorf("cookie %x", c)
		}
		seen[string(c)] = true
		jar.set(at(i), append(bytes.Clone(c), "12345678"...))
		if got := jar.get(at(i)); string(got) != string(c)+"12345678" {
			t.Errorf("%x instead of what was set", got)
		}
		if len(jar.ways) > maxWays {
			t.Fatalf("%d ways", len(jar.ways))
		}
	}
	jar.set(way{to: to}, []byte("of a way that is gone"))
	if got := jar.get(way{to: to}); len(got) != clientCookie {
		t.Errorf("cookie %x", got)
	}
}

// FuzzDatagram: whatever arrives is passed over, or it is a reply to the query
// with its ID.
func FuzzDatagram(f *testing.F) {
	u := &udp{shuffle: true}
	w := way{to: netip.MustParseAddrPort("192.0.2.1:53")}
	seed := u.prepare(testQuery(), w)
	f.Add(answer(seed.msg), true)
	f.Add(withCookie(answer(seed.msg), append(bytes.Clone(seed.cookie), make([]byte, 8)...), 1), false)
	f.Add([]byte{0, 0, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, reply []byte, shuffle bool) {
		m := (&udp{shuffle: shuffle}).prepare(testQuery(), w)
		if len(reply) >= dnswire.HeaderLen {
			dnswire.SetID(reply, dnswire.ID(m.msg))
		}
		if v, _ := m.check(reply); v != cookieGood {
			return
		}
		own := m.own(reply, testQuery())
		if !isBareError(own) && !dnswire.Asks(own, testQuestion) || dnswire.ID(own) != dnswire.ID(m.msg) {
			t.Errorf("%x was taken", reply)
		}
	})
}

// TestUDPAllocations: what is done for each datagram beside the socket.
func TestUDPAllocations(t *testing.T) {
	u := &udp{shuffle: true}
	w := way{to: netip.MustParseAddrPort("192.0.2.1:53")}
	query := testQuery()
	m := u.prepare(query, w)
	reply := withCookie(answer(m.msg), append(bytes.Clone(m.cookie), make([]byte, 8)...), 0)
	copy(reply[dnswire.HeaderLen:m.end], m.msg[dnswire.HeaderLen:m.end])
	if v, _ := m.check(reply); v != cookieGood {
		t.Fatal("the reply is not good")
	}
	if n := testing.AllocsPerRun(100, func() { m.check(reply) }); n > 0 {
		t.Errorf("%v allocations for a check", n)
	}
	if n := testing.AllocsPerRun(100, func() { u.prepare(query, w) }); n > 5 { // datagram, message, name, random ID, and one of the race detector
		t.Errorf("%v allocations for a datagram", n)
	}
}
