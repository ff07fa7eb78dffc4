package resolver

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/cache"
	"tundns/dnswire"
	"tundns/policy"
	"tundns/resolver/upstream"
)

var client = netip.MustParseAddrPort("10.30.30.1:40000")

// script is an upstream whose answers are given by a function; it counts what it
// is asked.
type script struct {
	asked  atomic.Int64
	mu     sync.Mutex
	answer func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) // guarded by mu once in use
}

// become changes the answers.
func (s *script) become(answer func(ctx context.Context, q *dns.Msg) (*dns.Msg, error)) {
	s.mu.Lock()
	s.answer = answer
	s.mu.Unlock()
}

func (s *script) Exchange(ctx context.Context, query []byte) (upstream.Reply, error) {
	s.asked.Add(1)
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		return upstream.Reply{}, err
	}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	m, err := answer(ctx, q)
	if err != nil {
		return upstream.Reply{}, err
	}
	b, err := m.Pack()
	return upstream.Reply{Message: b, Upstream: "script"}, err
}

// zone answers from records in presentation form; names it lacks are NXDOMAIN,
// types it lacks NODATA.
func zone(records ...string) func(context.Context, *dns.Msg) (*dns.Msg, error) {
	var rrs []dns.RR
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	return func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		m.Compress = true
		name, exists := q.Question[0].Name, false
		for range 8 {
			next := ""
			for _, rr := range rrs {
				if !strings.EqualFold(rr.Header().Name, name) {
					continue
				}
				exists = true
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, rr)
				} else if c, ok := rr.(*dns.CNAME); ok {
					m.Answer = append(m.Answer, rr)
					next = c.Target
				}
			}
			if next == "" {
				break
			}
			name, exists = next, false
		}
		if n := len(m.Answer); n == 0 || m.Answer[n-1].Header().Rrtype != q.Question[0].Qtype {
			if !exists {
				m.Rcode = dns.RcodeNameError
			}
			soa, _ := dns.NewRR("example. 900 IN SOA ns.example. h.example. 1 2 3 4 300")
			if strings.HasSuffix(strings.ToLower(q.Question[0].Name), "example.com.") {
				soa.Header().Name = "example.com."
			}
			m.Ns = append(m.Ns, soa)
		}
		return m, nil
	}
}

// rules makes a policy with one list for everybody.
func rules(t testing.TB, mode string, lines ...string) *policy.Policy {
	t.Helper()
	set, _, err := blocklists.Load(context.Background(), []blocklists.Source{{Name: "ads", Path: "ads.txt", Format: blocklists.Adblock,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Join(lines, "\n"))), nil }}})
	if err != nil {
		t.Fatal(err)
	}
	block, err := policy.ParseBlockMode(mode)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(policy.Options{Set: set, Groups: []policy.ClientGroup{{Name: "default", Block: block}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start makes a resolver over the script that ends with the test.
func start(t testing.TB, s *script, p *policy.Policy, stale time.Duration) *Resolver {
	t.Helper()
	r := New(Options{State: State{Policy: p, Upstream: s}, Cache: cache.New(cache.Options{StaleFor: stale}), Version: "tundns test"})
	t.Cleanup(func() { r.Close() })
	return r
}

// query makes a Query from "name TYPE [+do] [+cd] [+ad]".
func query(text string) *Query {
	f := strings.Fields(text)
	q := NewQuery(dnswire.MustName(f[0]), dns.StringToType[f[1]], client)
	for _, o := range f[2:] {
		switch o {
		case "+do":
			q.DO = true
		case "+cd":
			q.CD = true
		case "+ad":
			q.AD = true
		case "ch":
			q.Question.Class = dnswire.ClassCH
		}
	}
	return q
}

// resolve asks r and returns what the client would get.
func resolve(t testing.TB, r *Resolver, text string) (*dns.Msg, *Answer) {
	t.Helper()
	q := query(text)
	a, err := r.Resolve(context.Background(), q)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return unpack(t, appendReply(nil, q, a, dnswire.MaxMessage)), a
}

func unpack(t testing.TB, b []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("%v in %x", err, b)
	}
	return m
}

// ede returns the codes and texts of m's Extended DNS Errors.
func ede(m *dns.Msg) (codes []uint16, text string) {
	o := m.IsEdns0()
	if o == nil {
		return nil, ""
	}
	for _, opt := range o.Option {
		if e, ok := opt.(*dns.EDNS0_EDE); ok {
			codes = append(codes, e.InfoCode)
			text += e.ExtraText + "|"
		}
	}
	return codes, text
}

// summary is rcode and answers in one line, TTLs included.
func summary(m *dns.Msg) string {
	parts := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		parts = append(parts, strings.Join(strings.Fields(rr.String()), " "))
	}
	return strings.Join(parts, "; ")
}
