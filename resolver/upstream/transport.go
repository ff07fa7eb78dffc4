package upstream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// Transport exchanges queries with one server. Implementations are safe for
// concurrent use.
type Transport interface {
	// Exchange sends query, a whole wire query with one question, and returns
	// the reply in a buffer that belongs to the caller, with the query's ID
	// restored. The query's own ID is never sent. query is neither changed nor
	// kept. The exchange lasts until ctx ends; the transport sets no limit of
	// its own.
	//
	// A reply has been checked: see CheckReply. A reply with TC set is returned
	// only when the whole one could not be had.
	Exchange(ctx context.Context, query []byte) ([]byte, error)

	// Reset drops pooled connections, because the way to the server has
	// changed: a route, a tunnel, a sleep. Exchanges in progress go on over new
	// connections.
	Reset()

	// Close ends connections, exchanges and goroutines, and waits for them.
	// Exchanges fail with ErrClosed afterwards.
	Close() error

	// String names the server in metrics and logs, such as
	// "https://dns.quad9.net/dns-query". It never changes.
	String() string
}

// randomID returns a message ID that nobody can guess (RFC 5452 section 4.3).
func randomID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint16(b[:])
}

// lifetime lets Close end everything that was entered before it and wait for
// it. Use newLifetime.
type lifetime struct {
	ctx    context.Context // its cause is ErrClosed in the end
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func newLifetime() *lifetime {
	l := new(lifetime)
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

// enter holds the lifetime open until leave. It fails with ErrClosed after end.
func (l *lifetime) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.wg.Add(1)
	return nil
}

func (l *lifetime) leave() { l.wg.Done() }

// bind returns a context that ends with ctx and with the lifetime. Call the
// function when it is not needed any more.
func (l *lifetime) bind(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// end cancels the lifetime's context and waits for what has entered.
func (l *lifetime) end() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel(ErrClosed)
	l.wg.Wait()
}
