package resolver

import (
	"testing"

	"github.com/miekg/dns"
)

// TestRFC8020NothingUnderneath is the cache's rule in the pipeline: names under
// one that does not exist, and its other types, are not asked for, unless
// another upstream group knows them.
func TestRFC8020NothingUnderneath(t *testing.T) {
	up := &script{answer: zone("example.com. 60 IN A 192.0.2.1", "alias.example.com. 60 IN CNAME gone.example.com.")}
	office := &script{answer: zone("host.lan.example.com. 60 IN A 10.0.0.1")}
	routes, err := NewRoutes([]Route{{Domain: query("lan.example.com A").Question.Name, Group: "office", Upstream: office}})
	if err != nil {
		t.Fatal(err)
	}
	r := New(Options{State: State{Upstream: up, Group: "default", Routes: routes, Policy: rules(t, "null", "||ads.none.example.com^")}})
	defer r.Close()
	for _, c := range []struct {
		question, want string
		asked          int64 // of up so far
	}{
		{"none.example.com A", "NXDOMAIN", 1},
		{"none.example.com AAAA", "NXDOMAIN", 1},
		{"a.none.example.com A", "NXDOMAIN", 1},
		{"c.b.a.none.example.com MX", "NXDOMAIN", 1},
		{"ads.none.example.com A", "NOERROR; ads.none.example.com. 10 IN A 0.0.0.0", 1}, // policy first
		{"a.none.example.com A +do", "NXDOMAIN", 2},                                     // proof is for another question
		{"alias.example.com A", "NXDOMAIN; alias.example.com. 60 IN CNAME gone.example.com.", 3},
		{"a.alias.example.com A", "NXDOMAIN", 4}, // alias exists
		{"lan.example.com A", "NXDOMAIN", 4},     // so says the office
		{"host.example.com A", "NXDOMAIN", 5},
		{"example.com A", "NOERROR; example.com. 60 IN A 192.0.2.1", 6},
	} {
		m, _ := resolve(t, r, c.question)
		if summary(m) != c.want || up.asked.Load() != c.asked {
			t.Errorf("%s: %s after %d upstream queries", c.question, summary(m), up.asked.Load())
		}
		if m.Rcode == dns.RcodeNameError && (len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA) {
			t.Errorf("%s: no SOA: %s", c.question, m)
		}
	}
	// The default group's word on a name is not the office's on those under it.
	r.Swap(State{Upstream: up, Group: "default"})
	if m, _ := resolve(t, r, "lan.example.com A"); m.Rcode != dns.RcodeNameError {
		t.Error(summary(m))
	}
	r.Swap(State{Upstream: up, Group: "default", Routes: routes})
	if m, _ := resolve(t, r, "host.lan.example.com A"); m.Rcode != dns.RcodeNameError {
		t.Errorf("the office denied lan.example.com, which is fresh: %s", summary(m))
	}
}
