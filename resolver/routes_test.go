package resolver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// route makes a Route from "corp.example" or "=host.corp.example".
func route(domain, group string, up Exchanger) Route {
	exact := domain[0] == '='
	if exact {
		domain = domain[1:]
	}
	return Route{Domain: dnswire.MustName(domain), Exact: exact, Group: group, Upstream: up}
}

func routes(t testing.TB, list ...Route) *Routes {
	t.Helper()
	rs, err := NewRoutes(list)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func TestFindRoute(t *testing.T) {
	rs := routes(t, route("corp.example", "corp", nil), route("lab.corp.example", "lab", nil), route("=www.corp.example", "www", nil),
		route("=lab.corp.example", "labs-top", nil), route("10.in-addr.arpa", "corp", nil), route("1.2.10.in-addr.arpa", "lab", nil), route("lan", "home", nil))
	for name, want := range map[string]string{
		"corp.example":             "corp",
		"CORP.Example":             "corp",
		"a.b.corp.example":         "corp",
		"notcorp.example":          "",
		"example":                  "",
		".":                        "",
		"lab.corp.example":         "labs-top",
		"x.lab.corp.example":       "lab",
		"www.corp.example":         "www",
		"x.www.corp.example":       "corp",
		"4.3.2.10.in-addr.arpa":    "corp",
		"4.1.2.10.in-addr.arpa":    "lab",
		"4.3.2.110.in-addr.arpa":   "",
		"printer.lan":              "home",
		"corp.example.example.com": "",
	} {
		got := ""
		if r := rs.Find(dnswire.MustName(name)); r != nil {
			got = r.Group
		}
		if got != want {
			t.Errorf("%s is routed to %q, want %q", name, got, want)
		}
	}
	if r := (*Routes)(nil).Find(dnswire.MustName("example.com")); r != nil {
		t.Errorf("no routes at all found %v", r)
	}
	if _, err := NewRoutes([]Route{route("a.example", "x", nil), route("=a.example", "y", nil), route("a.example", "z", nil)}); err == nil ||
		err.Error() != `domain a.example is routed twice: to upstream group "x" and to "z"` {
		t.Errorf("%v", err)
	}
}

// TestFindRouteAgainstScan compares Find with a look at every route.
func TestFindRouteAgainstScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	name := func() dnswire.Name {
		n := dnswire.Root
		for range rng.IntN(5) {
			n = dnswire.Name([]byte{1, byte('a' + rng.IntN(3))}) + n
		}
		return n
	}
	for range 200 {
		var list []Route
		seen := map[string]bool{}
		for range rng.IntN(20) {
			r := Route{Domain: name(), Exact: rng.IntN(3) == 0}
			if r.Group = r.String(); !seen[r.Group] {
				seen[r.Group] = true
				list = append(list, r)
			}
		}
		rs := routes(t, list...)
		for range 200 {
			n, want, best := name(), "", -1
			for _, r := range list {
				switch {
				case r.Exact && r.Domain == n:
					want, best = r.Group, 1<<10
				case !r.Exact && n.In(r.Domain) && len(r.Domain) > best:
					want, best = r.Group, len(r.Domain)
				}
			}
			got := ""
			if r := rs.Find(n); r != nil {
				got = r.Group
			}
			if got != want {
				t.Fatalf("%v is routed to %q, want %q of %v", n, got, want, list)
			}
		}
	}
}

// TestSplitDNS: each name is asked of its group alone, whatever comes of it.
func TestSplitDNS(t *testing.T) {
	public := &script{answer: zone("www.example.com. 60 IN A 192.0.2.1", "host.corp.example. 60 IN A 192.0.2.66")}
	office := &script{answer: zone("host.corp.example. 60 IN A 10.0.0.1", "1.0.0.10.in-addr.arpa. 60 IN PTR host.corp.example.")}
	r := New(Options{State: State{Upstream: public, Group: "default", Routes: routes(t,
		route("corp.example", "office", office), route("10.in-addr.arpa", "office", office))}})
	defer r.Close()
	for question, want := range map[string]string{
		"www.example.com A":         "NOERROR; www.example.com. 60 IN A 192.0.2.1",
		"host.corp.example A":       "NOERROR; host.corp.example. 60 IN A 10.0.0.1",
		"1.0.0.10.in-addr.arpa PTR": "NOERROR; 1.0.0.10.in-addr.arpa. 60 IN PTR host.corp.example.",
		"none.corp.example A":       "NXDOMAIN",
	} {
		if m, _ := resolve(t, r, question); summary(m) != want {
			t.Errorf("%s: %s", question, summary(m))
		}
	}
	before := public.asked.Load()
	for _, fail := range []func(context.Context, *dns.Msg) (*dns.Msg, error){
		func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errDown },
		func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure), nil
		},
		func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			return new(dns.Msg).SetRcode(q, dns.RcodeRefused), nil
		},
	} {
		office.become(fail)
		r.cache.Flush()
		if m, _ := resolve(t, r, "host.corp.example A"); m.Rcode != dns.RcodeServerFailure && m.Rcode != dns.RcodeRefused || len(m.Answer) != 0 {
			t.Errorf("a failing group: %s", summary(m))
		}
	}
	if n := public.asked.Load() - before; n != 0 {
		t.Errorf("the default group was asked %d times for another's names", n)
	}
}

// TestNewRoutesHoldForCachedNames: when a name's group changes, neither cached
// answers nor queries under way of the old group count any more; when it
// changes back, they do.
func TestNewRoutesHoldForCachedNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		public := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			<-proceed
			return zone()(ctx, q) // NXDOMAIN
		}}
		office := &script{answer: zone("host.corp.example. 60 IN A 10.0.0.1")}
		split := State{Upstream: public, Group: "default", Routes: routes(t, route("corp.example", "office", office))}
		r := New(Options{State: State{Upstream: public, Group: "default"}})
		defer r.Close()
		waiting := make(chan string)
		go func() {
			m, _ := resolve(t, r, "host.corp.example A")
			waiting <- summary(m)
		}()
		synctest.Wait()
		r.Swap(split)
		if m, a := resolve(t, r, "host.corp.example A"); a.Outcome != Forwarded || len(m.Answer) != 1 {
			t.Errorf("the old route's query was joined: %s %s", a.Outcome, summary(m))
		}
		close(proceed)
		if got := <-waiting; got != "NXDOMAIN" {
			t.Errorf("the query under way: %s", got)
		}
		for i, step := range []struct {
			state State
			want  string
		}{
			{split, "NOERROR; host.corp.example. 60 IN A 10.0.0.1"},
			{State{Upstream: public, Group: "default"}, "NXDOMAIN"},
			{State{Upstream: public, Group: "default", Routes: routes(t, route("=host.corp.example", "office", office))}, "NOERROR; host.corp.example. 60 IN A 10.0.0.1"},
		} {
			r.Swap(step.state)
			if m, a := resolve(t, r, "host.corp.example A"); a.Outcome != Cached || summary(m) != step.want {
				t.Errorf("step %d: %s %s", i, a.Outcome, summary(m))
			}
		}
		// A new default group has answered nothing yet.
		other := &script{answer: zone("host.corp.example. 60 IN A 192.0.2.9")}
		r.Swap(State{Upstream: other, Group: "vpn"})
		if m, a := resolve(t, r, "host.corp.example A"); a.Outcome != Forwarded || summary(m) != "NOERROR; host.corp.example. 60 IN A 192.0.2.9" {
			t.Errorf("%s %s", a.Outcome, summary(m))
		}
	})
}

func TestFindRouteAllocs(t *testing.T) {
	rs := routes(t, route("corp.example", "office", nil), route("=x.example", "office", nil))
	name := dnswire.MustName("www.some.where.example.com")
	if n := testing.AllocsPerRun(100, func() { rs.Find(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFindRoute(b *testing.B) {
	for _, n := range []int{1, 1000} {
		var list []Route
		for i := range n {
			list = append(list, route(fmt.Sprintf("z%d.example", i), "office", nil))
		}
		rs := routes(b, list...)
		name := dnswire.MustName("www.cdn.example.com")
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rs.Find(name)
			}
		})
	}
}
