package upstream

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// After HTTP/3 has not got through, HTTP/2 alone is used for h3Backoff, then for
// twice as long, and so on up to maxH3Backoff: what stands in the way of UDP
// seldom goes away by itself.
const (
	h3Backoff    = time.Minute
	maxH3Backoff = time.Hour
)

// h3 is DNS over HTTPS over HTTP/3 (RFC 9114), and over HTTP/2 where QUIC does
// not get through: when HTTP/3 fails, or is silent for longer than usual, the
// query is sent over HTTP/2 too, and the first answer counts.
type h3 struct {
	*lifetime
	label  string
	doh    *doh
	dialer *quicDialer
	pool   *pool  // over HTTP/3
	https  *https // over HTTP/2

	mu      sync.Mutex
	backoff time.Duration // 0: HTTP/3 is believed to work
	until   time.Time     // HTTP/2 alone before this
	judged  time.Time     // when the above was last found out
}

func newH3(t *target) *h3 {
	life := newLifetime()
	h := &h3{
		lifetime: newLifetime(),
		label:    t.label,
		doh:      newDoH(t),
		dialer:   &quicDialer{finder: finder{place: t.place}, wg: &life.wg, tls: t.tlsConfig(http3.NextProtoH3), incoming: 3}, // RFC 9114 section 6.2
		https:    newHTTPS(t),
	}
	h.pool = &pool{lifetime: life, dial: h.dial}
	return h
}

func (h *h3) dial(ctx context.Context) (session, error) {
	conn, err := h.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	t := &http3.Transport{DisableCompression: true, MaxResponseHeaderBytes: maxHTTPHeader}
	return &h3Session{newQUICSession(conn), h.doh, t.NewClientConn(conn)}, nil
}

func (h *h3) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	ctx, done := h.bind(ctx)
	defer done()
	var reply []byte
	var err error
	switch now := time.Now(); h.state(now) {
	case h3Works:
		reply, err = h.both(ctx, query)
	case h3Due:
		h.wg.Go(func() { h.probe(now) })
		fallthrough
	case h3Blocked:
		reply, err = h.https.Exchange(ctx, query)
	}
	if err != nil && h.ctx.Err() != nil {
		err = ErrClosed
	}
	return reply, err
}

// What is believed of HTTP/3.
const (
	h3Works = iota
	h3Blocked
	h3Due // blocked when last tried, which was long ago
)

// state returns what is believed at a time. One caller alone is told that a try
// is due.
func (h *h3) state(now time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.backoff == 0:
		return h3Works
	case now.Before(h.until):
		return h3Blocked
	}
	h.until = now.Add(h.backoff)
	return h3Due
}

// judge takes in whether HTTP/3 got through for what began at start.
func (h *h3) judge(works bool, start time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if start.Before(h.judged) { // another one has said so already
		return
	}
	h.judged = time.Now()
	if works {
		h.backoff = 0
		return
	}
	h.backoff = min(max(2*h.backoff, h3Backoff), maxH3Backoff)
	h.until = h.judged.Add(h.backoff)
}

// probe finds out whether HTTP/3 gets through by now.
func (h *h3) probe(now time.Time) {
	ctx, cancel := context.WithTimeout(h.ctx, Budget)
	defer cancel()
	_, err := h.pool.get(ctx, time.Time{})
	h.judge(err == nil, now)
}

// both asks over HTTP/3 and, after a while or its failure, over HTTP/2.
func (h *h3) both(ctx context.Context, query []byte) ([]byte, error) {
	type outcome struct {
		reply  []byte
		err    error
		second bool
	}
	start := time.Now()
	results := make(chan outcome, 2)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.wg.Go(func() {
		reply, err := dohExchange(ctx, h.pool, query)
		results <- outcome{reply, err, false}
	})
	timer := time.NewTimer(h.pool.rtt.patience())
	defer timer.Stop()
	pending, second := 1, false
	fallBack := func() {
		if !second {
			second = true
			pending++
			h.wg.Go(func() {
				reply, err := h.https.Exchange(ctx, query)
				results <- outcome{reply, err, true}
			})
		}
	}
	for {
		select {
		case o := <-results:
			pending--
			if o.err == nil {
				h.judge(!o.second || h.pool.heardSince(start), start)
				return o.reply, nil
			}
			if !second && ctx.Err() == nil {
				fallBack()
			}
			if pending == 0 {
				return nil, o.err
			}
		case <-timer.C:
			fallBack()
		}
	}
}

// Reset also lets HTTP/3 be tried again at once: the way is a new one.
func (h *h3) Reset() {
	h.pool.reset()
	h.https.Reset()
	h.judge(true, time.Now())
}

func (h *h3) String() string { return h.label }

func (h *h3) Close() error {
	h.end()
	h.pool.shut()
	h.dialer.close()
	return h.https.Close()
}

// h3Session is one HTTP/3 connection.
type h3Session struct {
	*quicSession
	doh  *doh
	http *http3.ClientConn
}

func (s *h3Session) exchange(ctx context.Context, query []byte) ([]byte, error) {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	reply, err := s.doh.ask(ctx, s.http, query)
	switch err.(type) {
	case *connError: // GOAWAY too: RFC 9114 section 5.2
		s.unusable.Store(true)
	default:
		if ctx.Err() == nil {
			s.beat()
		}
	}
	return reply, err
}
