package upstream

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// enough is a limit for tests on sockets: far longer than anything should take,
// and the only thing that they know of time.
const enough = 10 * time.Second

var (
	testAddr   = netip.MustParseAddr("192.0.2.1")
	testAnswer = upstreamtest.Answer(300, testAddr)
)

// transport returns a Transport for url, closed at the end of the test with no
// goroutine left.
func transport(t *testing.T, s Server, ca *upstreamtest.CA) Transport {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	var tr Transport
	var err error
	if ca != nil {
		tr, err = NewTransport(s, ca.Pool)
	} else {
		tr, err = NewTransport(s, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, append(servers(), leaks)...)
	})
	return tr
}

// inner is the transport that speaks to the server.
func inner(tr Transport) Transport {
	if p, ok := tr.(padded); ok {
		return p.Transport
	}
	return tr
}

// servers are the goroutines of this package's test servers: tests may start
// them after the transport that is checked for leaks.
func servers() (all []goleak.Option) {
	for _, f := range []string{
		"tundns/resolver/upstream/upstreamtest.(*Server).startDNS.func1",
		"tundns/resolver/upstream/upstreamtest.(*Server).startDNS.func2",
		"tundns/resolver/upstream/upstreamtest.(*Server).startHTTPS.func1",
		"tundns/resolver/upstream/upstreamtest.(*Server).startTLS.func1",
		"tundns/resolver/upstream/upstreamtest.(*Server).serveTCP.func1",
		"tundns/resolver/upstream.(*relay).accept.func1",
		"tundns/resolver/upstream.(*relay).accept.func2",
		"net/http.(*conn).serve",
		"net/http.(*http2serverConn).readFrames",
	} {
		all = append(all, goleak.IgnoreAnyFunction(f))
	}
	return all
}

// TestMain finds what those servers leave behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within ends with the test, or when it has waited far too long.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// exchange asks tr and checks the answer.
func exchange(t *testing.T, tr Transport) []byte {
	t.Helper()
	query := testQuery()
	reply, err := tr.Exchange(within(t, enough), query)
	if err != nil {
		t.Fatalf("%v: %v", tr, err)
	}
	checkAnswer(t, reply, query)
	return reply
}

func checkAnswer(t *testing.T, reply, query []byte) {
	t.Helper()
	if err := CheckReply(reply, query); err != nil {
		t.Fatalf("%v: %x", err, reply)
	}
	if dnswire.ID(reply) != dnswire.ID(query) || dnswire.Count(reply, dnswire.Answer) != 1 {
		t.Fatalf("reply %x", reply)
	}
}

// needed skips a test for want of something that this machine does not have. On
// a CI machine that is a failure.
func needed(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is needed: %v", what, err)
	}
	t.Skipf("%s is needed: %v", what, err)
}

// relay passes TCP connections on to a server. It can be frozen: the connections
// that it has stay open and carry nothing any more, as after a change of route.
type relay struct {
	listener net.Listener
	to       netip.AddrPort
	accepted atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
	froze chan struct{} // closed by freeze
}

func newRelay(t *testing.T, to netip.AddrPort) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to, froze: make(chan struct{})}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		r.freeze()
		r.wg.Wait()
	})
	return r
}

func (r *relay) addr() netip.AddrPort { return r.listener.Addr().(*net.TCPAddr).AddrPort() }

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.accepted.Add(1)
		out, err := net.Dial("tcp", r.to.String())
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		froze := r.froze
		r.mu.Unlock()
		r.wg.Go(func() { pass(in, out, froze) })
		r.wg.Go(func() { pass(out, in, froze) })
	}
}

// pass copies until froze is closed; what is read after that is lost.
func pass(to, from net.Conn, froze <-chan struct{}) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-froze:
			io.Copy(io.Discard, from)
			return
		default:
		}
		to.Write(buf[:n])
		if err != nil {
			to.Close()
			return
		}
	}
}

// freeze kills the connections that there are; later ones work.
func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.froze)
	r.froze = make(chan struct{})
}

// deaf listens on TCP and says nothing to who connects.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
		}
		for _, c := range conns {
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// closeHanging closes tr while two queries wait: they end, as do later ones.
func closeHanging(t *testing.T, tr Transport) {
	t.Helper()
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := tr.Exchange(context.Background(), testQuery())
			done <- err
		}()
	}
	tr.Close()
	for range 2 {
		if err := <-done; err != ErrClosed {
			t.Errorf("%v", err)
		}
	}
	if _, err := tr.Exchange(context.Background(), testQuery()); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// resetUnderWay drops the connections of a transport while a query waits for a
// server with the given handler: the query is answered over a new one.
func resetUnderWay(t *testing.T, to func(upstreamtest.Handler) Transport) {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var queries atomic.Int32
	tr := to(func(query []byte) []byte {
		if queries.Add(1) == 1 {
			close(held)
			<-hold
		}
		return testAnswer(query)
	})
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
	close(hold)
	exchange(t, tr)
}

// benchmarkExchange measures one query at a time.
func benchmarkExchange(b *testing.B, server Server, roots *x509.CertPool) {
	b.Helper()
	tr, err := NewTransport(server, roots)
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	query := testQuery()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Exchange(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
}
