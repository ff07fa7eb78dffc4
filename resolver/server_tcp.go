package resolver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

const (
	// idleTimeout ends a connection on which nothing happens (RFC 7766 section
	// 6.2.3 wants seconds; clients that keep connections expect ten or so).
	idleTimeout = 10 * time.Second
	// keepaliveLen is that of a keepalive option with its head, in bytes.
	keepaliveLen = 6
	// messageTimeout is how long one message may take to arrive once it began.
	messageTimeout = 5 * time.Second
	// writeTimeout ends a connection whose client does not read its replies.
	writeTimeout = 5 * time.Second
	// maxPipelined bounds the queries of one connection that are under way;
	// beyond it the connection is not read, and TCP slows the client down.
	maxPipelined = 64
	// maxConns and maxClientConns bound the open connections. Over them the one
	// that has been idle the longest makes room.
	maxConns       = 1024
	maxClientConns = 128
)

// keepaliveTimeout is idleTimeout as a keepalive option has it: in units of 100
// milliseconds (RFC 7828 section 3.1).
var keepaliveTimeout = [2]byte{byte(idleTimeout / (100 * time.Millisecond) >> 8), byte(idleTimeout / (100 * time.Millisecond))}

// ServeTCP answers the queries on the connections that l accepts until l is
// closed or ctx is done, and then closes the connections and waits for their
// end. Queries are pipelined and answered as soon as their answers are there,
// in any order (RFC 7766 sections 6.2.1.1 and 7). It closes l and returns nil
// after either, otherwise the error that ended it.
func (s *Server) ServeTCP(ctx context.Context, l net.Listener) error {
	s.init()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for {
		nc, err := l.Accept()
		if err != nil {
			if end, err := ended(ctx, err); end {
				return err
			}
			continue
		}
		c := &conn{Conn: nc, server: s, slots: make(chan struct{}, maxPipelined)}
		if ap, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
			c.client = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
		c.used.Store(time.Now().UnixNano())
		if !s.admit(c) {
			nc.Close()
			continue
		}
		wg.Go(func() {
			defer s.dismiss(c)
			c.serve(ctx)
		})
	}
}

// conn is one client's TCP connection.
type conn struct {
	net.Conn
	server *Server
	client netip.AddrPort
	slots  chan struct{} // one for each query under way
	used   atomic.Int64  // when something last happened, Unix nanoseconds

	mu sync.Mutex // held while writing, so that replies do not mix
}

// admit enters c, making room if it must. It reports false when every open
// connection is at work.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := 0
	var idlest, idlestSame *conn
	for o := range s.conns {
		idle := len(o.slots) == 0
		if idle && (idlest == nil || o.used.Load() < idlest.used.Load()) {
			idlest = o
		}
		if o.client.Addr() != c.client.Addr() {
			continue
		}
		same++
		if idle && (idlestSame == nil || o.used.Load() < idlestSame.used.Load()) {
			idlestSame = o
		}
	}
	var leaves *conn
	switch {
	case same >= maxClientConns:
		leaves = idlestSame
		s.Observer.Overload("client")
	case len(s.conns) >= maxConns:
		leaves = idlest
		s.Observer.Overload("all")
	default:
		s.conns[c] = struct{}{}
		return true
	}
	if leaves == nil {
		return false
	}
	delete(s.conns, leaves)
	leaves.Close()
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) dismiss(c *conn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// serve reads queries until the client closes its side, is idle for too long or
// breaks the protocol, and then lets the queries under way be answered.
func (c *conn) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	var later pending
	defer later.Wait()
	r := bufio.NewReader(c)
	var in []byte
	for {
		var err error
		if in, err = c.read(r, in); err != nil {
			return
		}
		c.slots <- struct{}{}
		c.used.Store(time.Now().UnixNano())
		reply, pending := c.server.serve(ctx, nil, in, c.client, TCP, &later, func(reply []byte) {
			c.write(reply)
			<-c.slots
		})
		if pending {
			continue
		}
		<-c.slots
		if reply == nil {
			return // a response, or nothing that could be one's: no DNS client
		}
		c.write(reply)
	}
}

// read reads one message with its length prefix (RFC 1035 section 4.2.2) into
// buf or, if that is too small, a new buffer.
func (c *conn) read(r *bufio.Reader, buf []byte) ([]byte, error) {
	var length [2]byte
	c.SetReadDeadline(time.Now().Add(idleTimeout))
	if _, err := io.ReadFull(r, length[:1]); err != nil {
		return nil, err
	}
	c.SetReadDeadline(time.Now().Add(messageTimeout))
	if _, err := io.ReadFull(r, length[1:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n < dnswire.HeaderLen {
		return nil, errors.New("resolver: a message shorter than its header")
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], err
}

// write sends one reply with its length prefix, in one segment if it fits; an
// empty one is not sent. A client that does not take it in time loses the
// connection.
func (c *conn) write(reply []byte) {
	if len(reply) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.SetWriteDeadline(time.Now().Add(writeTimeout))
	framed := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reply)), uint16(len(reply))), reply...)
	if _, err := c.Write(framed); err != nil {
		c.Close()
	}
	c.used.Store(time.Now().UnixNano())
}
