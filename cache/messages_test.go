package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// clock is a fake clock.
type clock struct{ t time.Time }

func newClock() *clock                     { return &clock{time.Now()} }
func (c *clock) now() time.Time            { return c.t }
func (c *clock) advance(d time.Duration)   { c.t = c.t.Add(d) }
func (c *clock) cache(o Options) *Messages { o.Now = c.now; return New(o) }

func key(question string) Key {
	f := strings.Fields(question)
	return Key{Name: dnswire.MustName(f[0]), Type: dns.StringToType[f[1]], Class: dns.ClassINET}
}

// message packs a reply; records that start with "SOA " go to the authority section.
func message(t testing.TB, question string, rcode int, records ...string) []byte {
	t.Helper()
	f := strings.Fields(question)
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(f[0]), dns.StringToType[f[1]])
	m.Response, m.Rcode, m.Compress = true, rcode, true
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA && m.Question[0].Qtype != dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ttls(t testing.TB, b []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range append(append(m.Answer, m.Ns...), m.Extra...) {
		out = append(out, fmt.Sprint(rr.Header().Ttl))
	}
	return strings.Join(out, " ")
}

const soa = "example.com. 900 IN SOA ns.example.com. h.example.com. 1 2 3 4 300"

func TestRFC2308KindsAndTTLs(t *testing.T) {
	for _, c := range []struct {
		name, question string
		rcode          int
		records        []string
		kind           Kind
		ttl            time.Duration // 0: not kept
	}{
		{"positive: the shortest TTL", "example.com A", 0, []string{"example.com. 60 IN A 192.0.2.1", "example.com. 50 IN A 192.0.2.2"}, Positive, 50 * time.Second},
		{"positive: through a CNAME", "www.example.com A", 0, []string{"www.example.com. 20 IN CNAME e.net.", "e.net. 60 IN A 192.0.2.1"}, Positive, 20 * time.Second},
		{"positive: capped at a day", "example.com A", 0, []string{"example.com. 999999 IN A 192.0.2.1"}, Positive, 24 * time.Hour},
		{"RFC 8767 4: the top bit makes it long, not zero", "example.com A", 0, []string{"example.com. 4294967295 IN A 192.0.2.1"}, Positive, 24 * time.Hour},
		{"TTL 0 is for one use (RFC 1035 3.2.1)", "example.com A", 0, []string{"example.com. 0 IN A 192.0.2.1"}, 0, 0},
		{"RFC 2308 2.1 NXDOMAIN: SOA MINIMUM", "x.example.com A", 3, []string{soa}, Negative, 300 * time.Second},
		{"RFC 2308 2.2 NODATA: SOA TTL when shorter", "example.com A", 0, []string{strings.Replace(soa, "900", "30", 1)}, Negative, 30 * time.Second},
		{"RFC 2308 5: negative cap", "example.com A", 0, []string{"example.com. 90000 IN SOA a. b. 1 2 3 4 90000"}, Negative, time.Hour},
		{"RFC 2308 5: no SOA, not kept", "x.example.com A", 3, nil, 0, 0},
		{"referral is no answer", "example.com A", 0, []string{"example.com. 60 IN NS ns.example.com."}, 0, 0},
		{"CNAME chain that ends in NODATA", "www.example.com A", 0, []string{"www.example.com. 20 IN CNAME example.com.", soa}, Negative, 20 * time.Second},
		{"CNAME chain that ends in NXDOMAIN", "www.example.com A", 3, []string{"www.example.com. 500 IN CNAME x.example.com.", soa}, Negative, 300 * time.Second},
		{"an address of another name is no answer", "example.com A", 0, []string{"example.org. 60 IN A 192.0.2.1", soa}, Negative, 60 * time.Second},
		{"SERVFAIL", "example.com A", 2, nil, Failure, MinFailureTTL},
		{"REFUSED", "example.com A", 5, nil, Failure, MinFailureTTL},
		{"asked for the CNAME itself", "www.example.com CNAME", 0, []string{"www.example.com. 20 IN CNAME example.com."}, Positive, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			ck := newClock()
			m := ck.cache(Options{})
			k := key(c.question)
			if kept := m.Put(k, message(t, c.question, c.rcode, c.records...), nil); kept != (c.ttl > 0) {
				t.Fatalf("kept %v", kept)
			}
			if c.ttl == 0 {
				return
			}
			found := func() Hit {
				l := m.Get(k)
				if c.kind == Failure {
					return l.Failure
				}
				return l.Fresh
			}
			ck.advance(c.ttl - time.Nanosecond)
			if h := found(); !h.Found() || h.Kind() != c.kind {
				t.Fatalf("just before %v: %+v", c.ttl, h)
			}
			ck.advance(time.Nanosecond)
			if h := found(); h.Found() {
				t.Fatalf("still there after %v", c.ttl)
			}
		})
	}
}

func TestTruncatedIsNotKept(t *testing.T) {
	m := New(Options{})
	b := message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1")
	dnswire.SetFlags(b, dnswire.Flags(b)|dnswire.FlagTC)
	if m.Put(key("example.com A"), b, nil) {
		t.Error("a cut answer was kept")
	}
}

func TestAgeing(t *testing.T) {
	ck := newClock()
	m := ck.cache(Options{StaleFor: time.Hour})
	k := key("www.example.com A")
	b := message(t, "www.example.com A", 0, "www.example.com. 300 IN CNAME e.net.", "e.net. 60 IN A 192.0.2.1")
	m.Put(k, b, []dnswire.EDE{{Code: 1, Text: "x"}})
	ck.advance(45*time.Second + 900*time.Millisecond)
	h := m.Get(k).Fresh
	if got := ttls(t, h.AppendAged(nil)); got != "255 15" {
		t.Errorf("aged: %s", got)
	}
	if len(h.Errors()) != 1 {
		t.Error("EDE lost")
	}
	ck.advance(15 * time.Second)
	l := m.Get(k)
	if l.Fresh.Found() || !l.Stale.Found() {
		t.Fatalf("%+v", l)
	}
	if got := ttls(t, m.AppendStale(nil, l.Stale)); got != "30 30" { // RFC 8767 section 4
		t.Errorf("stale: %s", got)
	}
	ck.advance(time.Hour)
	if l := m.Get(k); l.Stale.Found() {
		t.Error("stale for ever")
	}
	if n := m.Stats().Kinds[Positive].Entries; n != 0 {
		t.Errorf("%d entries left", n)
	}
}

func TestRFC2308NegativeTTLIsTheSOAMinimum(t *testing.T) { // RFC 2308 section 5
	m := New(Options{})
	k := key("x.example.com A")
	m.Put(k, message(t, "x.example.com A", 3, soa), nil)
	if got := ttls(t, m.Get(k).Fresh.AppendAged(nil)); got != "300" {
		t.Errorf("SOA TTL %s", got)
	}
}

func TestHitsDoNotShareMemory(t *testing.T) {
	m := New(Options{})
	k := key("example.com A")
	in := message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1")
	m.Put(k, in, nil)
	clear(in)
	first := m.Get(k).Fresh.AppendAged(nil)
	clear(first)
	if got := ttls(t, m.Get(k).Fresh.AppendAged(nil)); got != "60" {
		t.Error(got)
	}
}

func TestRFC8767FailureNeverReplacesAnAnswer(t *testing.T) { // RFC 8767 section 4, RFC 9520
	ck := newClock()
	m := ck.cache(Options{StaleFor: time.Hour})
	k := key("example.com A")
	m.Put(k, message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"), nil)
	ck.advance(2 * time.Minute)
	m.Put(k, message(t, "example.com A", 2), nil)
	if l := m.Get(k); !l.Stale.Found() || !l.Failure.Found() || l.Fresh.Found() {
		t.Fatalf("%+v", l)
	}
	ck.advance(MinFailureTTL)
	if l := m.Get(k); !l.Stale.Found() || l.Failure.Found() {
		t.Fatalf("after the failure: %+v", l)
	}
	m.Put(k, message(t, "example.com A", 2), nil)
	m.Put(k, message(t, "example.com A", 3, soa), nil)
	if l := m.Get(k); l.Fresh.Kind() != Negative || l.Failure.Found() || l.Stale.Found() {
		t.Fatalf("an answer ends a failure and what was before it: %+v", l)
	}
}

func TestRFC9520FailuresBackOff(t *testing.T) { // RFC 9520 section 3.2
	ck := newClock()
	m := ck.cache(Options{})
	k, b := key("example.com A"), message(t, "example.com A", 2)
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		m.Put(k, b, nil)
		ck.advance(want*time.Second - 1)
		if !m.Get(k).Failure.Found() {
			t.Errorf("failure %d is forgotten before %d s", i+1, want)
		}
		ck.advance(1)
		if m.Get(k).Failure.Found() {
			t.Errorf("failure %d is remembered after %d s", i+1, want)
		}
	}
	ck.advance(MaxFailureTTL)
	m.Get(k)
	m.Put(k, b, nil)
	ck.advance(MinFailureTTL)
	if m.Get(k).Failure.Found() {
		t.Error("a failure after a pause counts as one in a row")
	}
}

func TestKeyFields(t *testing.T) {
	base := Key{Name: dnswire.MustName("example.com"), Type: 1, Class: 1}
	others := []Key{base, base, base, base, base, base}
	others[0].Name = dnswire.MustName("example.org")
	others[1].Type = 257 // CAA: the low byte of A
	others[2].Class = 3
	others[3].DO = true
	others[4].CD = true
	others[5].Type = 28
	m := New(Options{})
	m.Put(base, message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"), nil)
	for _, k := range others {
		if l := m.Get(k); l.Fresh.Found() {
			t.Errorf("%+v finds %+v", k, base)
		}
	}
	if !m.Get(base).Fresh.Found() {
		t.Error("the key itself is not found")
	}
}

func TestBytesAreBounded(t *testing.T) {
	const limit = 4 << 20
	m := New(Options{MaxBytes: limit})
	for i := range 40000 {
		q := fmt.Sprintf("n%d.example.com A", i)
		m.Put(key(q), message(t, q, 0, fmt.Sprintf("n%d.example.com. 60 IN A 192.0.2.1", i)), nil)
	}
	st := m.Stats().Kinds[Positive]
	if st.Bytes > limit || st.Bytes < limit/2 || st.Evicted == 0 || st.Entries == 0 {
		t.Errorf("%+v", st)
	}
	var bytes, entries int64
	for i := range m.shards {
		l := m.shards[i].lru[Positive].lru
		for _, k := range l.Keys() {
			e, _ := l.Peek(k)
			bytes += e.size(k)
			entries++
		}
	}
	if bytes != st.Bytes || entries != st.Entries {
		t.Errorf("counted %d bytes of %d entries, stats say %+v", bytes, entries, st)
	}
	m.Flush()
	if st := m.Stats().Kinds[Positive]; st.Bytes != 0 || st.Entries != 0 {
		t.Errorf("after Flush: %+v", st)
	}
}

func TestNegativeFloodKeepsAnswers(t *testing.T) {
	m := New(Options{MaxBytes: 2 << 20})
	for i := range 500 {
		q := fmt.Sprintf("good%d.example.com A", i)
		m.Put(key(q), message(t, q, 0, fmt.Sprintf("good%d.example.com. 60 IN A 192.0.2.1", i)), nil)
	}
	for i := range 20000 {
		q := fmt.Sprintf("random%d.example.com A", i)
		m.Put(key(q), message(t, q, 3, soa), nil)
		m.Put(key(q+"A"), message(t, q, 2), nil)
	}
	for i := range 500 {
		if !m.Get(key(fmt.Sprintf("good%d.example.com A", i))).Fresh.Found() {
			t.Fatalf("good%d was evicted", i)
		}
	}
	if st := m.Stats(); st.Kinds[Negative].Evicted == 0 || st.Kinds[Failure].Evicted == 0 {
		t.Errorf("the flood evicted nothing of its own: %+v", st)
	}
}

func TestLargestMessage(t *testing.T) {
	b := message(t, "example.com TXT", 0, "example.com. 60 IN TXT x")
	b = append(b, make([]byte, dnswire.MaxMessage-len(b))...)
	if m := New(Options{}); !m.Put(key("example.com TXT"), b, nil) {
		t.Error("64 KiB do not fit")
	}
	if m := New(Options{MaxBytes: 1 << 16}); m.Put(key("example.com TXT"), b, nil) {
		t.Error("an entry larger than the cache was kept")
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	m := New(Options{})
	k := key("example.com A")
	m.Put(k, message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"), nil)
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(1000, func() { m.Get(k).Fresh.AppendAged(buf) }); n != 0 {
		t.Errorf("%v allocations a hit", n)
	}
}

func BenchmarkHit(b *testing.B) {
	m := New(Options{})
	k := key("example.com A")
	m.Put(k, message(b, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"), nil)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		m.Get(k).Fresh.AppendAged(buf)
	}
}

func BenchmarkPut(b *testing.B) {
	m := New(Options{})
	msg := message(b, "example.com A", 0, "example.com. 60 IN A 192.0.2.1")
	k := key("example.com A")
	b.ReportAllocs()
	for b.Loop() {
		m.Put(k, msg, nil)
	}
}

// FuzzPut stores arbitrary bytes: nothing panics, and what comes back is never
// older than a day.
func FuzzPut(f *testing.F) {
	f.Add(message(f, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"))
	f.Add(message(f, "x.example.com A", 3, soa))
	f.Add(message(f, "www.example.com A", 0, "www.example.com. 20 IN CNAME www.example.com."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if dnswire.Check(b) != nil {
			return // the resolver stores checked messages only
		}
		q, _, err := dnswire.ReadQuestion(b)
		if err != nil {
			return
		}
		m := New(Options{})
		k := Key{Name: q.Name, Type: q.Type, Class: q.Class}
		if !m.Put(k, b, nil) {
			return
		}
		l := m.Get(k)
		if !l.Fresh.Found() && !l.Failure.Found() {
			t.Fatal("kept but not found")
		}
		if l.Fresh.Found() {
			out := l.Fresh.AppendAged(nil)
			for it := dnswire.NewRecords(out); it.Next(); {
				if it.RR.Type != dnswire.TypeOPT && it.RR.TTL > 86400 {
					t.Fatalf("TTL %d", it.RR.TTL)
				}
			}
		}
	})
}
