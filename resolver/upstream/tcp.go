package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"tundns/dnswire"
)

const (
	// streamIdle is how long an unused TCP connection is kept. Servers commonly
	// close theirs after 10 s or more; being first spares a lost query.
	streamIdle = 8 * time.Second

	// streamWrite bounds how long a full socket buffer may hold up a query.
	streamWrite = 2 * time.Second

	// streamQueue is how many exchanges share a connection before another one
	// is opened: servers that answer in order make each wait for all before it.
	streamQueue = 32

	// streamLimit is how many may share it while there is no other one. A single
	// connection carries all that a group has in flight.
	streamLimit = maxInFlight + maxInFlight/2
)

// tcp is DNS over TCP (RFC 7766) or, which is the same inside, over TLS
// (RFC 7858): pooled connections, pipelined queries, replies in any order.
type tcp struct {
	label string
	pool  *pool
}

func newTCP(t *target) *tcp {
	life := newLifetime()
	d := &dialer{finder: finder{place: t.place}, wg: &life.wg}
	if t.scheme == "tls" {
		d.tls = t.tlsConfig()
	}
	return &tcp{t.label, &pool{lifetime: life, dial: func(ctx context.Context) (session, error) {
		conn, act, err := d.dial(ctx)
		if err != nil {
			return nil, err
		}
		return newStream(life, conn, act), nil
	}}}
}

func (t *tcp) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil || len(query) > dnswire.MaxMessage {
		return nil, ErrQuery
	}
	reply, err := t.pool.exchange(ctx, query)
	if err != nil {
		return nil, err
	}
	return finish(reply, query)
}

func (t *tcp) Reset()         { t.pool.reset() }
func (t *tcp) String() string { return t.label }

func (t *tcp) Close() error {
	t.pool.shut()
	return nil
}

var (
	errIdle       = errors.New("idle")
	errBadLength  = errors.New("impossible message length")
	errLocalClose = errors.New("closed on our side")
)

// stream is a connection that carries messages behind a 16 bit length (RFC 1035
// section 4.2.2).
type stream struct {
	conn net.Conn
	act  *activity
	made time.Time

	write sync.Mutex // held while a message is written

	mu      sync.Mutex
	pending map[uint16]chan<- []byte // by ID on the wire; each takes one reply
	err     error                    // why the stream has ended

	ended chan struct{} // closed once err is set
}

// newStream starts reading conn, in a goroutine that life waits for.
func newStream(life *lifetime, conn net.Conn, act *activity) *stream {
	s := &stream{
		conn: conn, act: act, made: time.Now(),
		pending: make(map[uint16]chan<- []byte), ended: make(chan struct{}),
	}
	conn.SetReadDeadline(s.made.Add(streamIdle))
	life.wg.Go(func() { s.fail(s.read()) })
	return s
}

func (s *stream) exchange(ctx context.Context, query []byte) ([]byte, error) {
	replies := make(chan []byte, 1)
	id, err := s.add(replies)
	if err != nil {
		return nil, err
	}
	defer s.remove(id)
	msg := make([]byte, 2+len(query))
	binary.BigEndian.PutUint16(msg, uint16(len(query)))
	copy(msg[2:], query)
	dnswire.SetID(msg[2:], id)
	s.write.Lock()
	s.conn.SetWriteDeadline(time.Now().Add(streamWrite))
	_, err = s.conn.Write(msg) // one write: one segment
	s.write.Unlock()
	if err != nil {
		s.fail(err) // a part may have been sent; the stream cannot be used again
	}
	select {
	case reply := <-replies:
		return reply, nil
	case <-s.ended:
		select {
		case reply := <-replies:
			return reply, nil
		default:
			return nil, &connError{s.err}
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// add registers replies under a random free ID.
func (s *stream) add(replies chan<- []byte) (uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, &connError{s.err}
	}
	if len(s.pending) >= streamLimit {
		return 0, ErrOverloaded
	}
	id := randomID()
	for taken := true; taken; {
		id++
		_, taken = s.pending[id]
	}
	if len(s.pending) == 0 {
		s.conn.SetReadDeadline(time.Time{})
	}
	s.pending[id] = replies
	return id, nil
}

func (s *stream) remove(id uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
	if len(s.pending) == 0 && s.err == nil {
		s.conn.SetReadDeadline(time.Now().Add(streamIdle))
	}
}

// read hands replies to who waits for them, until the connection ends. Replies
// that nobody waits for (any more) are passed over.
func (s *stream) read() error {
	for {
		var length [2]byte
		if _, err := io.ReadFull(s.conn, length[:]); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				err = errIdle
			}
			return err
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n < dnswire.HeaderLen {
			return errBadLength
		}
		msg := make([]byte, n)
		if _, err := io.ReadFull(s.conn, msg); err != nil {
			return err
		}
		s.mu.Lock()
		replies := s.pending[dnswire.ID(msg)]
		if replies != nil {
			s.pending[dnswire.ID(msg)] = nil // taken, but the ID is not free yet
		}
		s.mu.Unlock()
		if replies != nil {
			replies <- msg
		}
	}
}

// fail ends the stream with err, unless it has ended.
func (s *stream) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
		close(s.ended)
	}
	s.mu.Unlock()
	s.act.Close() // below TLS, whose close alert may block on a dead peer
}

func (s *stream) close() { s.fail(errLocalClose) }

func (s *stream) reserve() bool { return s.load() < streamQueue }
func (s *stream) full() bool    { return true } // exchanges queue at the server

func (s *stream) load() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

func (s *stream) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil
}

func (s *stream) heard() time.Time { return s.act.heard() }
func (s *stream) born() time.Time  { return s.made }
