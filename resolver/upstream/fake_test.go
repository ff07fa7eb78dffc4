package upstream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tundns/dnswire"
)

// script is what a fake server does with a query.
type script func(ctx context.Context, query []byte) ([]byte, error)

// fake is a Transport without a network, for tests in virtual time.
type fake struct {
	name   string
	script atomic.Pointer[script]
	asked  atomic.Int64
	resets atomic.Int64
	closed atomic.Bool
}

func newFake(name string, s script) *fake {
	f := &fake{name: name}
	f.become(s)
	return f
}

func (f *fake) become(s script) { f.script.Store(&s) }

func (f *fake) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	f.asked.Add(1)
	return (*f.script.Load())(ctx, query)
}

func (f *fake) Reset()         { f.resets.Add(1) }
func (f *fake) String() string { return f.name }
func (f *fake) Close() error   { f.closed.Store(true); return nil }

// after answers when d has passed.
func after(d time.Duration, reply func(query []byte) []byte) script {
	return func(ctx context.Context, query []byte) ([]byte, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return reply(query), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// silent never answers.
func silent(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// fails gives err at once.
func fails(err error) script {
	return func(context.Context, []byte) ([]byte, error) { return nil, err }
}

var testQuestion = dnswire.Question{Name: dnswire.MustName("www.example.com"), Type: dnswire.TypeA, Class: dnswire.ClassIN}

// testQuery returns a query with an OPT record.
func testQuery() []byte {
	q := dnswire.AppendQuestion(nil, 0x1234, dnswire.FlagRD, testQuestion)
	q = dnswire.AppendOPT(q, dnswire.OPT{UDPSize: 1232})
	dnswire.SetCount(q, dnswire.Additional, 1)
	return q
}

// answer is a reply with one address.
func answer(query []byte) []byte {
	m := head(query, 0)
	m = dnswire.AppendRR(m, testQuestion.Name, dnswire.TypeA, dnswire.ClassIN, 300, []byte{192, 0, 2, 1})
	dnswire.SetCount(m, dnswire.Answer, 1)
	return m
}

// head is a reply without records.
func head(query []byte, flags uint16) []byte {
	q, _, err := dnswire.ReadQuestion(query)
	if err != nil {
		panic(err)
	}
	return dnswire.AppendQuestion(nil, dnswire.ID(query), dnswire.FlagQR|dnswire.FlagRD|dnswire.FlagRA|flags, q)
}

// rcode is a reply with an rcode, and with an OPT record when there are errors.
func rcode(code uint16, errs ...uint16) func([]byte) []byte {
	return func(query []byte) []byte {
		m := head(query, code)
		if len(errs) > 0 {
			var o []byte
			for _, e := range errs {
				o = dnswire.AppendEDE(o, dnswire.EDE{Code: e})
			}
			m = dnswire.AppendOPT(m, dnswire.OPT{UDPSize: 1232, Options: o})
			dnswire.SetCount(m, dnswire.Additional, 1)
		}
		return m
	}
}

var (
	servfail  = rcode(dnswire.RcodeServerFailure)
	refused   = rcode(dnswire.RcodeRefused)
	nxdomain  = rcode(dnswire.RcodeNameError)
	formerr   = rcode(dnswire.RcodeFormatError)
	truncated = rcode(dnswire.FlagTC)
	bogus     = rcode(dnswire.RcodeServerFailure, dnswire.EDEDNSSECBogus)
	explained = rcode(dnswire.RcodeServerFailure, dnswire.EDENetworkError)
)

// recorder is an Observer that writes down what it is told.
type recorder struct {
	mu      sync.Mutex
	results map[string]int // "server result"
	breaker []string       // "server open"
}

func (r *recorder) Exchange(upstream, result string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.results == nil {
		r.results = make(map[string]int)
	}
	r.results[upstream+" "+result]++
}

func (r *recorder) Breaker(upstream string, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breaker = append(r.breaker, fmt.Sprintf("%s %t", upstream, open))
}

func (r *recorder) count(what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[what]
}

func (r *recorder) changes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.breaker...)
}

// timed asks g once and returns how long that took in the test's time.
func timed(t *testing.T, g *Group) (Reply, time.Duration, error) {
	t.Helper()
	start := time.Now()
	query := testQuery()
	reply, err := g.Exchange(t.Context(), query)
	took := time.Since(start)
	if err == nil {
		if err := CheckReply(reply.Message, query); err != nil {
			t.Errorf("reply of %s: %v", reply.Upstream, err)
		}
	}
	return reply, took, err
}

// warm gives a group's servers enough samples for an estimate of d.
func warm(g *Group, d time.Duration) {
	for _, m := range g.members {
		for range window {
			m.rtt.add(d)
		}
	}
}
