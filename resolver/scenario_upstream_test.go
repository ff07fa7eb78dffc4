package resolver

import (
	"context"
	"crypto/x509"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"tundns/resolver/upstream"
)

// behaviours are what a server may do besides answering.
var behaviours = map[string]func(*actor, context.Context, *dns.Msg) ([]byte, error){
	"silent":    func(_ *actor, ctx context.Context, _ *dns.Msg) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
	"refused":   func(*actor, context.Context, *dns.Msg) ([]byte, error) { return nil, syscall.ECONNREFUSED },
	"resets":    func(*actor, context.Context, *dns.Msg) ([]byte, error) { return nil, io.ErrUnexpectedEOF },
	"TLS":       func(*actor, context.Context, *dns.Msg) ([]byte, error) { return nil, x509.UnknownAuthorityError{} },
	"5xx":       func(*actor, context.Context, *dns.Msg) ([]byte, error) { return nil, upstream.StatusError(503) },
	"malformed": func(*actor, context.Context, *dns.Msg) ([]byte, error) { return nil, upstream.ErrMalformed },
	"SERVFAIL":  rcode(dns.RcodeServerFailure),
	"REFUSED":   rcode(dns.RcodeRefused),
	"NOTIMP":    rcode(dns.RcodeNotImplemented),
	// The first datagram is lost; the one sent after 300 ms is answered.
	"loses": func(s *actor, ctx context.Context, q *dns.Msg) ([]byte, error) {
		return s.reply(ctx, q, 300*time.Millisecond)
	},
	// Nothing comes but replies with the wrong ID or question.
	"forged": func(_ *actor, ctx context.Context, _ *dns.Msg) ([]byte, error) {
		<-ctx.Done()
		return nil, upstream.ErrMismatch
	},
	// TC, and TCP does not bring the rest.
	"truncates": func(s *actor, ctx context.Context, q *dns.Msg) ([]byte, error) {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		return m.Pack()
	},
	"bogus": func(s *actor, ctx context.Context, q *dns.Msg) ([]byte, error) {
		m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus}}
		return m.Pack()
	},
}

func rcode(code int) func(*actor, context.Context, *dns.Msg) ([]byte, error) {
	return func(_ *actor, _ context.Context, q *dns.Msg) ([]byte, error) {
		return new(dns.Msg).SetRcode(q, code).Pack()
	}
}

// actor is an upstream.Transport without a network.
type actor struct {
	name  string
	asked atomic.Int64

	mu      sync.Mutex
	delay   time.Duration
	records []string
	does    string // a behaviour, "" to answer
}

func (s *actor) Reset()         {}
func (s *actor) Close() error   { return nil }
func (s *actor) String() string { return s.name }

func (s *actor) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	s.asked.Add(1)
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		return nil, err
	}
	s.mu.Lock()
	does := behaviours[s.does]
	s.mu.Unlock()
	if does != nil {
		return does(s, ctx, q)
	}
	return s.reply(ctx, q, 0)
}

// reply answers from the records, extra later than usual.
func (s *actor) reply(ctx context.Context, q *dns.Msg, extra time.Duration) ([]byte, error) {
	s.mu.Lock()
	delay, records := s.delay, s.records
	s.mu.Unlock()
	select {
	case <-time.After(delay + extra):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m, err := zone(records...)(ctx, q)
	if err != nil {
		return nil, err
	}
	return m.Pack()
}
