package policy

import (
	"net/netip"
	"testing"
	"time"

	"tundns/blocklists"
	"tundns/dnswire"
)

// everythingOn is a policy with all that a question may have to pass, and none of
// it decides but rules and safe search.
func everythingOn(t testing.TB, set *blocklists.Set) *Policy {
	t.Helper()
	p, err := New(Options{Set: set, Pauses: new(Pauses), Canaries: true, Rebinding: Rebinding{On: true, Allow: []dnswire.Name{dnswire.MustName("plex.direct")}},
		Peers: tunnel{netip.MustParseAddr("10.0.0.1"): {"tablet", "key"}},
		Groups: []ClientGroup{{Name: "kids", Clients: prefixes("10.0.0.0/8", "fd00::/8"), Peers: []string{"tablet"}, SafeSearch: SafeGoogle | SafeBing | SafeDuckDuckGo | SafeYouTube,
			BlockedTypes: []uint16{dnswire.TypeHTTPS, dnswire.TypeSVCB},
			Schedules:    []Schedule{{Days: workdays, From: 20 * 60, To: 7 * 60, Location: zoneOf(t, "Europe/Berlin"), Everything: true}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const costList = "ads.example\n@@||good.ads.example^\n"

func TestHotPathDoesNotAllocate(t *testing.T) {
	p := everythingOn(t, lists(t, "ads", costList))
	mapped := netip.MustParseAddr("::ffff:10.0.0.1")
	question := func(name string) *Question {
		return &Question{Name: dnswire.MustName(name), Type: dnswire.TypeA, Client: p.Client(mapped), Time: noon}
	}
	g := p.Group("kids")
	blocked, miss, search := question("www.x.ads.example"), question("www.other.test"), question("www.google.de")
	plain := answer("www.other.test", address("www.other.test"), rr{"www.other.test", dnswire.TypeAAAA, packed("2620:fe::fe")})
	hints := raw("www.other.test", dnswire.TypeHTTPS, svc(param(4, packed("9.9.9.9", "9.9.9.10")), param(6, packed("2620:fe::fe"))))
	for name, f := range map[string]func(){
		"Client":    func() { p.Client(mapped) },
		"blocked":   func() { g.Question(blocked) },
		"miss":      func() { g.Question(miss) },
		"rewritten": func() { g.Question(search) },
		"Answer":    func() { g.Answer(miss, plain) },
		"Rebinding": func() { p.Rebinding(miss, plain); p.Rebinding(miss, hints) },
		"Filters":   func() { g.Filters() },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// One for each name that a record leads to, none for its hints.
	chain := answer("www.other.test", cname("www.other.test", "a.test"), cname("a.test", "b.test"), address("b.test"))
	for want, msg := range map[float64][]byte{1: hints, 2: chain} {
		if n := testing.AllocsPerRun(100, func() { g.Answer(miss, msg) }); n > want {
			t.Errorf("%v names: %v allocations", want, n)
		}
	}
}

// BenchmarkQuestion puts the policy beside the bare set.
func BenchmarkQuestion(b *testing.B) {
	set := lists(b, "ads", costList)
	plain := mustNew(b, set).Group(DefaultGroup)
	full := everythingOn(b, set).Group("kids")
	for _, name := range []string{"www.x.ads.example", "www.other.test"} {
		q := ask(name)
		b.Run(name+"/set", func(b *testing.B) {
			b.ReportAllocs()
			lists := set.All()
			for b.Loop() {
				set.Match(&blocklists.Query{Name: q.Name, Type: q.Type}, lists)
			}
		})
		for what, g := range map[string]*Group{"plain": plain, "full": full} {
			q := *q
			q.Client.Group, q.Time = g, noon
			b.Run(name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					g.Question(&q)
				}
			})
		}
	}
	b.Run("reckon", func(b *testing.B) { // once a minute
		b.ReportAllocs()
		now := noon
		for b.Loop() {
			now = now.Add(time.Minute)
			full.inForce(now)
		}
	})
}

func BenchmarkClient(b *testing.B) {
	p := everythingOn(b, lists(b, "ads", costList))
	addr := netip.MustParseAddr("10.0.0.9")
	b.ReportAllocs()
	for b.Loop() {
		p.Client(addr)
	}
}
