package resolver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/dnswire"
)

// pipes is a net.Listener whose connections are the ends of net.Pipe, so that
// TCP can be tested under the bubble's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	port  atomic.Int32
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// from gives a pipe's end a client's address.
type from struct {
	net.Conn
	addr *net.TCPAddr
}

func (c from) RemoteAddr() net.Addr { return c.addr }

func (p *pipes) dial(client string) net.Conn {
	near, far := net.Pipe()
	p.conns <- from{far, &net.TCPAddr{IP: net.ParseIP(client), Port: 1024 + int(p.port.Add(1))}}
	return near
}

func (p *pipes) serve(s *Server) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.ServeTCP(ctx, p) }()
	return func() error { cancel(); return <-done }
}

func frame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

func readFrame(r io.Reader) ([]byte, error) {
	var l [2]byte
	if _, err := io.ReadFull(r, l[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(l[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// tcpTest runs f in a bubble with a server over pipes whose upstream takes a
// second for names under slow.example.
func tcpTest(t *testing.T, f func(t *testing.T, p *pipes, s *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		good := zone("example.com. 60 IN A 192.0.2.1", "slow.example. 60 IN A 192.0.2.2")
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			if q.Question[0].Name == "slow.example." {
				time.Sleep(time.Second)
			}
			return good(ctx, q)
		}}
		r := New(Options{State: State{Upstream: up}})
		p, s := newPipes(), &Server{Handler: r}
		stop := p.serve(s)
		f(t, p, s)
		if err := stop(); err != nil {
			t.Error(err)
		}
		r.Close()
	})
}

func TestRFC7766AnswersOutOfOrder(t *testing.T) { // RFC 7766 section 7
	tcpTest(t, func(t *testing.T, p *pipes, _ *Server) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		go func() {
			c.Write(frame(ask(t, "slow.example.", dns.TypeA, func(m *dns.Msg) { m.Id = 1 })))
			c.Write(frame(ask(t, "example.com.", dns.TypeA, func(m *dns.Msg) { m.Id = 2 })))
		}()
		r := bufio.NewReader(c)
		for _, want := range []uint16{2, 1} {
			b, err := readFrame(r)
			if err != nil {
				t.Fatal(err)
			}
			if m := unpack(t, b); m.Id != want || len(m.Answer) != 1 {
				t.Errorf("want the answer to query %d, got %s", want, m)
			}
		}
	})
}

func TestRFC7766ByteAtATime(t *testing.T) {
	tcpTest(t, func(t *testing.T, p *pipes, _ *Server) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		for _, b := range frame(ask(t, "example.com.", dns.TypeA, nil)) {
			c.Write([]byte{b})
			time.Sleep(10 * time.Millisecond)
		}
		b, err := readFrame(c)
		if err != nil || len(unpack(t, b).Answer) != 1 {
			t.Fatal(err)
		}
	})
}

func TestRFC7766Timeouts(t *testing.T) {
	for _, c := range []struct {
		name string
		want time.Duration
		act  func(t *testing.T, c net.Conn)
	}{
		{"idle", idleTimeout, func(*testing.T, net.Conn) {}},
		{"a byte a second", messageTimeout, func(t *testing.T, c net.Conn) {
			go func() {
				for _, b := range frame(ask(t, "example.com.", dns.TypeA, nil)) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
		}},
		{"a length below the header's", 0, func(_ *testing.T, c net.Conn) { c.Write([]byte{0, 11}) }},
		{"a response", 0, func(t *testing.T, c net.Conn) {
			b := ask(t, "example.com.", dns.TypeA, nil)
			b[2] |= 0x80
			c.Write(frame(b))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tcpTest(t, func(t *testing.T, p *pipes, _ *Server) {
				conn := p.dial("192.0.2.1")
				defer conn.Close()
				begin := time.Now()
				c.act(t, conn)
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("read: %v", err)
				}
				if took := time.Since(begin); took != c.want {
					t.Errorf("closed after %v, want %v", took, c.want)
				}
				time.Sleep(2 * time.Second) // the writer's next byte finds the connection closed
			})
		})
	}
}

func TestRFC9210SlowReaderIsCut(t *testing.T) {
	tcpTest(t, func(t *testing.T, p *pipes, s *Server) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		c.Write(frame(ask(t, "example.com.", dns.TypeA, nil)))
		begin := time.Now()
		synctest.Wait() // the server is writing; nobody reads
		time.Sleep(writeTimeout)
		synctest.Wait()
		s.mu.Lock()
		open := len(s.conns)
		s.mu.Unlock()
		if open != 0 {
			t.Errorf("%d connections open %v after the reply", open, time.Since(begin))
		}
	})
}

func TestRFC9210IdleCrowdKeepsNobodyOut(t *testing.T) {
	tcpTest(t, func(t *testing.T, p *pipes, s *Server) {
		var crowd []net.Conn
		for i := range maxConns {
			crowd = append(crowd, p.dial(fmt.Sprintf("192.0.2.%d", i/maxClientConns)))
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		c := p.dial("198.51.100.1")
		go c.Write(frame(ask(t, "example.com.", dns.TypeA, nil)))
		b, err := readFrame(c)
		if err != nil || len(unpack(t, b).Answer) != 1 {
			t.Fatal(err)
		}
		if _, err := crowd[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the one idle for the longest stays: %v", err)
		}
		s.mu.Lock()
		open := len(s.conns)
		s.mu.Unlock()
		if open > maxConns {
			t.Errorf("%d connections", open)
		}
		for _, c := range append(crowd, c) {
			c.Close()
		}
	})
}

func TestRFC9210OneClientsCrowd(t *testing.T) {
	tcpTest(t, func(t *testing.T, p *pipes, s *Server) {
		other := p.dial("198.51.100.1")
		var crowd []net.Conn
		for range maxClientConns + 10 {
			crowd = append(crowd, p.dial("192.0.2.1"))
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		s.mu.Lock()
		open := len(s.conns)
		s.mu.Unlock()
		if open != maxClientConns+1 {
			t.Errorf("%d connections, want %d and the other client's", open, maxClientConns)
		}
		go other.Write(frame(ask(t, "example.com.", dns.TypeA, nil)))
		if _, err := readFrame(other); err != nil {
			t.Error(err)
		}
		for _, c := range append(crowd, other) {
			c.Close()
		}
	})
}

func TestRFC7766PipelineIsBounded(t *testing.T) {
	tcpTest(t, func(t *testing.T, p *pipes, s *Server) {
		c := p.dial("192.0.2.1")
		defer c.Close()
		const n = 3 * maxPipelined
		go func() {
			for i := range n {
				c.Write(frame(ask(t, "slow.example.", dns.TypeA, func(m *dns.Msg) { m.Id = uint16(i) })))
			}
		}()
		synctest.Wait()
		s.mu.Lock()
		for conn := range s.conns {
			if len(conn.slots) != maxPipelined {
				t.Errorf("%d queries under way", len(conn.slots))
			}
		}
		s.mu.Unlock()
		seen := make(map[uint16]bool)
		for range n {
			b, err := readFrame(c)
			if err != nil {
				t.Fatal(err)
			}
			seen[dnswire.ID(b)] = true
		}
		if len(seen) != n {
			t.Errorf("%d of %d answered", len(seen), n)
		}
	})
}

func TestRFC7766HalfClose(t *testing.T) { // RFC 7766 section 6.2.4
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := start(t, &script{answer: zone("example.com. 60 IN A 192.0.2.1")}, nil, 0)
	defer r.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- (&Server{Handler: r}).ServeTCP(context.Background(), l) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := nc.(*net.TCPConn)
	c.Write(append(frame(ask(t, "example.com.", dns.TypeA, nil)), frame(ask(t, "x.example.com.", dns.TypeA, nil))...))
	c.CloseWrite()
	for range 2 {
		if _, err := readFrame(c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	l.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
