package resolver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tundns/blocklists"
	"tundns/dnswire"
)

// As many names as are followed may be sent on to the next one, and no more.
func TestFollowIsBounded(t *testing.T) {
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		rr, err := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.1")
		m.Answer = append(m.Answer, rr)
		return m, err
	}}
	for hops, want := range map[int]string{1: "NOERROR", maxFollow: "NOERROR", maxFollow + 1: "SERVFAIL", 2 * maxFollow: "SERVFAIL"} {
		var list strings.Builder
		for i := range hops {
			fmt.Fprintf(&list, "||n%d.example^$dnsrewrite=n%d.example\n", i, i+1)
		}
		r := start(t, up, filtered(t, blocklists.Adblock, list.String(), nil), 0)
		m, _ := resolve(t, r, "n0.example A")
		if dns.RcodeToString[m.Rcode] != want || want == "NOERROR" && len(m.Answer) != hops+1 {
			t.Errorf("%d hops: %s", hops, summary(m))
		}
		if _, text := ede(m); want != "NOERROR" && text != "more than 16 names in a row are sent to the next one, from n0.example on|" {
			t.Errorf("%d hops: %q", hops, text)
		}
	}
}

// In the pass that must not wait nothing is asked; the other one completes the
// answer, from then on both do.
func TestFollowWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &script{answer: slowly(zone("target.example. 60 IN A 192.0.2.1"))}
		r := New(Options{State: State{Policy: filtered(t, blocklists.Adblock, "||b.example^$dnsrewrite=target.example", nil), Upstream: up}})
		defer r.Close()
		q := query("b.example A")
		q.NoWait = true
		if a, err := r.Resolve(t.Context(), q); err != ErrWait || a != nil || up.asked.Load() != 0 {
			t.Fatalf("%v, %v, asked %d times", a, err, up.asked.Load())
		}
		q.NoWait = false
		for _, noWait := range []bool{false, true} {
			q.NoWait = noWait
			a, err := r.Resolve(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if m := unpack(t, appendReply(nil, q, a, dnswire.MaxMessage)); summary(m) != "NOERROR; b.example. 10 IN CNAME target.example.; target.example. 60 IN A 192.0.2.1" || up.asked.Load() != 1 {
				t.Errorf("%s, asked %d times", summary(m), up.asked.Load())
			}
		}
	})
}

// What a target's server says about DNSSEC and its own failures is passed on, AD
// is not.
func TestFollowKeepsTheTargetsAnswer(t *testing.T) {
	up := &script{answer: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		m.AuthenticatedData, m.Compress = true, true
		for _, s := range []string{"target.example. 60 IN CNAME far.example.", "far.example. 60 IN MX 10 mail.far.example.", "far.example. 60 IN RRSIG MX 13 2 60 20300101000000 20200101000000 1 far.example. AAAA"} {
			rr, err := dns.NewRR(s)
			if err != nil {
				return nil, err
			}
			m.Answer = append(m.Answer, rr)
		}
		return m, nil
	}}
	r := start(t, up, filtered(t, blocklists.Adblock, "||b.example^$dnsrewrite=target.example", nil), 0)
	m, _ := resolve(t, r, "b.example MX +do")
	const want = "NOERROR; b.example. 10 IN CNAME target.example.; target.example. 60 IN CNAME far.example.; far.example. 60 IN MX 10 mail.far.example.; far.example. 60 IN RRSIG "
	if !strings.HasPrefix(summary(m), want) || m.AuthenticatedData {
		t.Errorf("AD %v, %s", m.AuthenticatedData, summary(m))
	}
	if plain, _ := resolve(t, r, "target.example MX +do"); !plain.AuthenticatedData {
		t.Error("the target's own answer has lost AD")
	}
	r = start(t, &script{answer: func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, context.DeadlineExceeded }},
		filtered(t, blocklists.Adblock, "||b.example^$dnsrewrite=target.example", nil), 0)
	if m, a := resolve(t, r, "b.example A"); summary(m) != "SERVFAIL" || a.Outcome != Failed {
		t.Errorf("%s %s", a.Outcome, summary(m))
	}
}

const dropList = "$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n  NS localhost.\ndrop.example CNAME rpz-drop.\n32.1.100.51.198.rpz-ip CNAME rpz-drop.\n"

// A query that is dropped gets no reply over UDP and none over TCP, where the
// connection goes on; those behind it are answered. So it is for one that an
// upstream has been asked for first.
func TestDrop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1", "late.example. 60 IN A 198.51.100.1")}
	r := start(t, up, filtered(t, blocklists.RPZ, dropList, nil), 0)
	s := &Server{Handler: r}
	t.Run("UDP", func(t *testing.T) {
		c := serveUDP(t, s)
		for range 2 {
			c.Write(ask(t, "drop.example.", dns.TypeA, nil))
			c.Write(ask(t, "late.example.", dns.TypeA, nil))
			if m := exchange(t, c, ask(t, "example.com.", dns.TypeA, nil)); summary(m) != "NOERROR; example.com. 60 IN A 192.0.2.1" {
				t.Error(summary(m))
			}
		}
	})
	t.Run("TCP", func(t *testing.T) {
		l := newPipes()
		stop := l.serve(s)
		conn := &dns.Conn{Conn: l.dial("10.30.30.1")}
		for i := range 2 * maxPipelined { // a place that is not given back would be missed
			for _, name := range []string{"drop.example.", "late.example.", "example.com."} {
				if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
					t.Fatal(err)
				}
			}
			if m, err := conn.ReadMsg(); err != nil || m.Question[0].Name != "example.com." {
				t.Fatalf("round %d: %v, %v", i, m, err)
			}
		}
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	r.Close()
}
