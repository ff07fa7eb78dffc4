package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// rawUDP runs f for each datagram that arrives, with means to send any.
func rawUDP(t *testing.T, f func(conn *net.UDPConn, from netip.AddrPort, query []byte)) Server {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			buf := make([]byte, 4096)
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			f(conn, from, buf[:n])
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return Server{URL: "udp://" + conn.LocalAddr().String()}
}

func udpServer(t *testing.T, h upstreamtest.Handler) (*upstreamtest.Server, Transport) {
	t.Helper()
	s := upstreamtest.NewDNS(t, h)
	return s, transport(t, Server{URL: "udp://" + s.Addr().String()}, nil)
}

func TestUDP(t *testing.T) {
	_, tr := udpServer(t, testAnswer)
	exchange(t, tr)
	if _, err := tr.Exchange(t.Context(), nil); err != ErrQuery {
		t.Errorf("empty query: %v", err)
	}
}

// TestUDPForgeries: a hundred answers that are wrong in one thing each come
// before the right one, from the server's own address.
func TestUDPForgeries(t *testing.T) {
	other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	forge := []func(m []byte) []byte{
		func(m []byte) []byte { m[1]++; return m },                         // ID
		func(m []byte) []byte { m[2] &^= 0x80; return m },                  // not a response
		func(m []byte) []byte { m[2] |= 0x20; return m },                   // opcode
		func(m []byte) []byte { m[14]++; return m },                        // name
		func(m []byte) []byte { m[len(testQuestion.Name)+13]++; return m }, // type
		func(m []byte) []byte { m[len(testQuestion.Name)+15]++; return m }, // class
		func(m []byte) []byte { m[5] = 0; return m },                       // no question
		func(m []byte) []byte { m[5] = 2; return m },                       // two questions
		func(m []byte) []byte { return m[:11] },                            // cut
		func(m []byte) []byte { return nil },                               // empty
	}
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		for i := range 100 {
			conn.WriteToUDPAddrPort(forge[i%len(forge)](answer(query)), from)
		}
		wrong := answer(query)
		wrong[len(wrong)-1] = 66
		other.WriteToUDPAddrPort(wrong, from) // right in all but the port it comes from
		conn.WriteToUDPAddrPort(answer(query), from)
	})
	reply := exchange(t, transport(t, s, nil))
	if reply[len(reply)-1] != 1 {
		t.Errorf("the forged answer %x was taken", reply)
	}
}

func TestUDPOnlyForgeries(t *testing.T) {
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		query[0]++
		conn.WriteToUDPAddrPort(answer(query), from)
	})
	tr := transport(t, s, nil)
	_, err := tr.Exchange(within(t, 100*time.Millisecond), testQuery())
	if causeOf(err) != Mismatch || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestUDPLostDatagram(t *testing.T) {
	var seen atomic.Int32
	var ids [2]atomic.Int32
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		n := seen.Add(1)
		ids[(n-1)%2].Store(int32(dnswire.ID(query)))
		if n == 2 {
			conn.WriteToUDPAddrPort(answer(query), from)
		}
	})
	tr := transport(t, s, nil)
	exchange(t, tr)
	if n := seen.Load(); n != 2 || ids[0].Load() != ids[1].Load() {
		t.Errorf("%d datagrams with the IDs %d and %d", n, ids[0].Load(), ids[1].Load())
	}
	if tr.(*udp).rtt.n != 0 {
		t.Error("an answer to a repeated query was measured")
	}
}

func TestUDPRefused(t *testing.T) {
	s, tr := udpServer(t, testAnswer)
	s.Stop()
	_, err := tr.Exchange(within(t, enough), testQuery())
	if causeOf(err) != Refused {
		t.Errorf("%v is %v, want refused", err, causeOf(err))
	}
	s.Start()
	exchange(t, tr)
}

func TestUDPSilence(t *testing.T) {
	_, tr := udpServer(t, upstreamtest.Silent)
	_, err := tr.Exchange(within(t, 50*time.Millisecond), testQuery())
	if causeOf(err) != Timeout {
		t.Errorf("deadline: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := tr.Exchange(context.Background(), testQuery())
		done <- err
	}()
	tr.Close()
	if err := <-done; err != ErrClosed {
		t.Errorf("Close: %v", err)
	}
	if _, err := tr.Exchange(context.Background(), testQuery()); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

func TestUDPMalformed(t *testing.T) {
	_, tr := udpServer(t, func(query []byte) []byte {
		m := answer(query)
		return m[:len(m)-1]
	})
	if _, err := tr.Exchange(within(t, enough), testQuery()); err != ErrMalformed {
		t.Errorf("%v", err)
	}
}

func TestUDPBareError(t *testing.T) {
	_, tr := udpServer(t, func(query []byte) []byte {
		m := formerr(query)[:dnswire.HeaderLen]
		m[5] = 0
		return m
	})
	query := testQuery()
	reply, err := tr.Exchange(within(t, enough), query)
	if err != nil || dnswire.Rcode(reply) != dnswire.RcodeFormatError || CheckReply(reply, query) != nil || !dnswire.Asks(reply, testQuestion) {
		t.Errorf("%x, %v", reply, err)
	}
}

// big is an answer that is too long for any UDP reply.
func big(query []byte) []byte {
	m := answer(query)
	for range 100 {
		m = dnswire.AppendRR(m, testQuestion.Name, dnswire.TypeTXT, dnswire.ClassIN, 1, make([]byte, 100))
	}
	dnswire.SetCount(m, dnswire.Answer, 101)
	return m
}

func TestUDPTruncated(t *testing.T) {
	s, tr := udpServer(t, big)
	reply, err := tr.Exchange(within(t, enough), testQuery())
	if err != nil || dnswire.Count(reply, dnswire.Answer) != 101 {
		t.Errorf("%d bytes, %v", len(reply), err)
	}
	if n := s.Queries(); n != 2 {
		t.Errorf("%d queries", n)
	}
}

// TestUDPTruncatedWithoutTCP: what the server sent is the last resort, made
// whole where it was cut inside a record.
func TestUDPTruncatedWithoutTCP(t *testing.T) {
	for name, cut := range map[string]int{"between records": 0, "inside a record": 3} {
		t.Run(name, func(t *testing.T) {
			s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
				m := answer(query)
				m[2] |= byte(dnswire.FlagTC >> 8)
				conn.WriteToUDPAddrPort(m[:len(m)-cut], from)
			})
			query := testQuery()
			reply, err := transport(t, s, nil).Exchange(within(t, enough), query)
			if err != nil || CheckReply(reply, query) != nil || dnswire.Flags(reply)&dnswire.FlagTC == 0 {
				t.Errorf("%x, %v", reply, err)
			}
			if got := dnswire.Count(reply, dnswire.Answer); (got == 1) != (cut == 0) {
				t.Errorf("%d records", got)
			}
		})
	}
}

// TestUDPAddresses: a second address is tried while the first is silent, and
// first the next time.
func TestUDPAddresses(t *testing.T) {
	s := upstreamtest.NewDNS(t, testAnswer)
	silent, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), s.Addr().Port())))
	if err != nil {
		needed(t, "a second loopback address", err)
	}
	defer silent.Close()
	_, port, _ := net.SplitHostPort(s.Addr().String())
	tr := transport(t, Server{
		URL:       "udp://dns.test:" + port,
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.2"), s.Addr().Addr()},
	}, nil)
	exchange(t, tr)
	if good := tr.(*udp).good.Load(); *good != s.Addr() {
		t.Errorf("the good address is %v", good)
	}
	exchange(t, tr)
}

// TestUDPRandomness: IDs and ports of 2,000 queries are spread like random
// numbers and the client's own ID, always the same, is not among them more often
// than chance has it.
func TestUDPRandomness(t *testing.T) {
	const total = 2000
	type seen struct{ id, port uint16 }
	all := make(chan seen, 2*total)
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		all <- seen{dnswire.ID(query), from.Port()}
		conn.WriteToUDPAddrPort(answer(query), from)
	})
	tr := transport(t, s, nil)
	var ids, ports []uint16
	for range total {
		exchange(t, tr)
		q := <-all
		ids = append(ids, q.id)
		ports = append(ports, q.port)
	}
	// Each bit is set in half of the cases: 1000 with a standard deviation of
	// 22; six of these are never exceeded by chance.
	for bit := range 16 {
		n := 0
		for _, id := range ids {
			n += int(id >> bit & 1)
		}
		if n < total/2-134 || n > total/2+134 {
			t.Errorf("bit %d of the ID is set %d times of %d", bit, n, total)
		}
	}
	// 2,000 of 65,536 have 1,970 different values on average; the deviation is 5.5.
	if n := distinct(ids); n < 1930 {
		t.Errorf("%d different IDs", n)
	}
	// The kernel picks from 28,232 ports by default: 1,931 different ones.
	if n := distinct(ports); n < total/2 {
		t.Errorf("%d different ports", n)
	}
	steps := 0
	for i := 1; i < total; i++ {
		if d := int(ids[i]) - int(ids[i-1]); d >= -2 && d <= 2 {
			steps++
		}
	}
	if steps > 10 { // 0.15 expected
		t.Errorf("%d IDs follow closely on the one before", steps)
	}
	if n := count(ids, binary.BigEndian.Uint16(testQuery())); n > 5 {
		t.Errorf("the client's ID was sent %d times", n)
	}
}

func distinct(s []uint16) int {
	s = slices.Clone(s)
	slices.Sort(s)
	return len(slices.Compact(s))
}

func count(s []uint16, v uint16) (n int) {
	for _, x := range s {
		if x == v {
			n++
		}
	}
	return n
}

func BenchmarkUDP(b *testing.B) {
	s := upstreamtest.NewDNS(b, testAnswer)
	benchmarkExchange(b, Server{URL: "udp://" + s.Addr().String()}, nil)
}
