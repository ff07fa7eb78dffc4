package upstream

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// rawTCP runs f for each connection, numbered from 1.
func rawTCP(t *testing.T, f func(conn net.Conn, number int)) Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				f(conn, n)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return Server{URL: "tcp://" + l.Addr().String()}
}

// readQuery reads a message behind its length, nil at the end.
func readQuery(conn net.Conn) []byte {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return nil
	}
	return query
}

func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

func TestTCP(t *testing.T) {
	s := upstreamtest.NewDNS(t, big)
	r := newRelay(t, s.Addr())
	tr := transport(t, Server{URL: "tcp://" + r.addr().String()}, nil)
	for range 20 {
		reply, err := tr.Exchange(within(t, enough), testQuery())
		if err != nil || dnswire.Count(reply, dnswire.Answer) != 101 {
			t.Fatalf("%d bytes, %v", len(reply), err)
		}
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("%d connections for 20 queries", n)
	}
	if _, err := tr.Exchange(t.Context(), nil); err != ErrQuery {
		t.Errorf("empty query: %v", err)
	}
}

// TestTCPOutOfOrder: replies come last query first, and each finds its own.
func TestTCPOutOfOrder(t *testing.T) {
	const n = 20
	s := rawTCP(t, func(conn net.Conn, _ int) {
		var replies [][]byte
		for {
			query := readQuery(conn)
			if query == nil {
				return
			}
			m := answer(query)
			if dnswire.ID(query) == binary.BigEndian.Uint16(testQuery()) {
				t.Log("a query went out with the client's ID, as one in 65,536 may")
			}
			m[3] |= query[3] & 0x10 // CD tells them apart
			replies = append(replies, m)
			if len(replies) == n {
				for i := range replies {
					conn.Write(framed(replies[n-1-i]))
				}
				replies = nil
			}
		}
	})
	tr := transport(t, s, nil)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			query := testQuery()
			dnswire.SetID(query, uint16(i))
			query[3] |= byte(i%2) << 4
			reply, err := tr.Exchange(within(t, enough), query)
			if err != nil || dnswire.ID(reply) != uint16(i) || (reply[3]^query[3])&0x10 != 0 {
				t.Errorf("query %d: %x, %v", i, reply, err)
			}
		})
	}
	wg.Wait()
}

// TestTCPClosedWhilePooled: the server closes a connection between two queries,
// or in answer to the second one.
func TestTCPClosedWhilePooled(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		s := upstreamtest.NewDNS(t, testAnswer)
		tr := transport(t, Server{URL: "tcp://" + s.Addr().String()}, nil)
		for range 10 {
			exchange(t, tr)
			s.Hangup()
		}
	})
	t.Run("after", func(t *testing.T) {
		var conns atomic.Int32
		s := rawTCP(t, func(conn net.Conn, _ int) {
			conns.Add(1)
			conn.Write(framed(answer(readQuery(conn))))
			readQuery(conn) // and no answer
		})
		tr := transport(t, s, nil)
		for range 10 {
			exchange(t, tr)
		}
		if n := conns.Load(); n != 10 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestTCPClosesAtOnce: a second connection that fails is a failure of the server.
func TestTCPClosesAtOnce(t *testing.T) {
	var conns atomic.Int32
	s := rawTCP(t, func(conn net.Conn, _ int) {
		conns.Add(1)
		readQuery(conn)
		conn.(*net.TCPConn).SetLinger(0)
	})
	_, err := transport(t, s, nil).Exchange(within(t, enough), testQuery())
	if causeOf(err) != Reset {
		t.Errorf("%v is %v, want reset", err, causeOf(err))
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestTCPRefused(t *testing.T) {
	s := upstreamtest.NewDNS(t, testAnswer)
	tr := transport(t, Server{URL: "tcp://" + s.Addr().String()}, nil)
	s.Stop()
	if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != Refused {
		t.Errorf("%v is %v, want refused", err, causeOf(err))
	}
	s.Start()
	exchange(t, tr)
}

// TestTCPDeadWhilePooled: the pooled connection carries nothing any more. The
// query is answered over a fresh one, and so is the next.
func TestTCPDeadWhilePooled(t *testing.T) {
	s := upstreamtest.NewDNS(t, testAnswer)
	r := newRelay(t, s.Addr())
	tr := transport(t, Server{URL: "tcp://" + r.addr().String()}, nil)
	exchange(t, tr)
	r.freeze()
	exchange(t, tr)
	exchange(t, tr)
	if n := r.accepted.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	if p := tr.(*tcp).pool; len(p.sessions) != 1 {
		t.Errorf("%d sessions are left", len(p.sessions))
	}
}

func TestTCPSilence(t *testing.T) {
	tr := transport(t, Server{URL: "tcp://" + deaf(t).String()}, nil)
	_, err := tr.Exchange(within(t, minPatience+200*time.Millisecond), testQuery())
	if causeOf(err) != Timeout {
		t.Errorf("%v", err)
	}
	if p := tr.(*tcp).pool; len(p.sessions) != 0 {
		t.Error("a connection that was silent for long is kept")
	}
}

func TestTCPBadReplies(t *testing.T) {
	for name, tt := range map[string]struct {
		reply func(query []byte) []byte
		want  Cause
	}{
		"another question": {func(q []byte) []byte { q[13]++; return framed(answer(q)) }, Mismatch},
		"cut":              {func(q []byte) []byte { m := answer(q); return framed(m[:len(m)-1]) }, Malformed},
		"length 0":         {func(q []byte) []byte { return []byte{0, 0} }, Reset},
		"length 11":        {func(q []byte) []byte { return framed(answer(q)[:11]) }, Reset},
		"cut by a close":   {func(q []byte) []byte { return framed(answer(q))[:20] }, Reset},
		"query":            {func(q []byte) []byte { return framed(q) }, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := rawTCP(t, func(conn net.Conn, _ int) { conn.Write(tt.reply(readQuery(conn))) })
			_, err := transport(t, s, nil).Exchange(within(t, enough), testQuery())
			if got := causeOf(err); got != tt.want {
				t.Errorf("%v is %v, want %v", err, got, tt.want)
			}
		})
	}
}

// TestTCPLateReply: a reply to a query that was given up does no harm.
func TestTCPLateReply(t *testing.T) {
	release := make(chan struct{})
	s := rawTCP(t, func(conn net.Conn, _ int) {
		first := readQuery(conn)
		second := readQuery(conn)
		<-release
		conn.Write(framed(nxdomain(first)))
		conn.Write(framed(answer(second)))
		readQuery(conn)
	})
	tr := transport(t, s, nil)
	if _, err := tr.Exchange(within(t, 20*time.Millisecond), testQuery()); causeOf(err) != Timeout {
		t.Fatalf("%v", err)
	}
	close(release)
	exchange(t, tr)
}

func TestTCPMany(t *testing.T) {
	s := upstreamtest.NewDNS(t, upstreamtest.Delay(20*time.Millisecond, testAnswer))
	r := newRelay(t, s.Addr())
	tr := transport(t, Server{URL: "tcp://" + r.addr().String()}, nil)
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			query := testQuery()
			if reply, err := tr.Exchange(within(t, enough), query); err != nil || CheckReply(reply, query) != nil {
				t.Errorf("%x, %v", reply, err)
			}
		})
	}
	wg.Wait()
	if n := r.accepted.Load(); n > maxSessions {
		t.Errorf("%d connections", n)
	}
}

func TestTCPReset(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{})
	var queries atomic.Int32
	s := upstreamtest.NewDNS(t, func(query []byte) []byte {
		if queries.Add(1) == 1 {
			close(held)
			<-hold
		}
		return testAnswer(query)
	})
	tr := transport(t, Server{URL: "tcp://" + s.Addr().String()}, nil)
	done := make(chan error)
	go func() {
		_, err := tr.Exchange(within(t, enough), testQuery())
		done <- err
	}()
	<-held
	tr.Reset()
	if err := <-done; err != nil {
		t.Errorf("the query in progress: %v", err)
	}
	if n := s.Queries(); n != 2 {
		t.Errorf("%d queries", n)
	}
	close(hold)
	exchange(t, tr)
}

func TestTCPClose(t *testing.T) {
	tr := transport(t, Server{URL: "tcp://" + deaf(t).String()}, nil)
	closeHanging(t, tr)
	tr.Reset()
}

// TestStreamIdle: a connection is closed streamIdle after its last use, and not
// while a query waits.
func TestStreamIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life := newLifetime()
		ours, theirs := net.Pipe()
		s := newStream(life, ours, newActivity(ours))
		go func() {
			query := readQuery(theirs)
			time.Sleep(time.Minute)
			theirs.Write(framed(answer(query)))
		}()
		if _, err := s.exchange(t.Context(), testQuery()); err != nil {
			t.Fatalf("after a minute: %v", err)
		}
		time.Sleep(streamIdle - time.Millisecond)
		if synctest.Wait(); !s.alive() {
			t.Error("closed too early")
		}
		time.Sleep(2 * time.Millisecond)
		if synctest.Wait(); s.alive() {
			t.Error("open for too long")
		}
		var lost *connError
		if _, err := s.exchange(t.Context(), testQuery()); !errors.As(err, &lost) {
			t.Errorf("after that: %v", err)
		}
		life.end()
	})
}

// TestDialAddresses: an address that does not answer costs stagger, one that
// refuses costs nothing, and the one that works is tried first the next time.
func TestDialAddresses(t *testing.T) {
	s := upstreamtest.NewDNS(t, testAnswer)
	_, port, _ := net.SplitHostPort(s.Addr().String())
	nobody := netip.MustParseAddr("127.0.0.2") // refuses
	tr := transport(t, Server{URL: "tcp://dns.test:" + port, Addresses: []netip.Addr{nobody, s.Addr().Addr()}}, nil)
	exchange(t, tr)
	s.Hangup()
	exchange(t, tr)
}

func BenchmarkTCP(b *testing.B) {
	s := upstreamtest.NewDNS(b, testAnswer)
	benchmarkExchange(b, Server{URL: "tcp://" + s.Addr().String()}, nil)
}
