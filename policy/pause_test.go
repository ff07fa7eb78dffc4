package policy

import (
	"slices"
	"sync"
	"testing"
	"time"

	"tundns/dnswire"
)

func TestPause(t *testing.T) {
	set := lists(t, "ads", "ads.example\n")
	now := noon
	pauses := new(Pauses)
	groups := []ClientGroup{
		{Name: "kids", Clients: prefixes("10.0.0.0/8"), BlockedTypes: []uint16{dnswire.TypeHTTPS}, SafeSearch: SafeBing, Schedules: []Schedule{always(Schedule{Everything: true})}},
		{Name: "default"},
	}
	open := func() *Policy {
		p, err := New(Options{Set: set, Groups: groups, Pauses: pauses, now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open()
	check := func(why string, kids, others bool) {
		t.Helper()
		for group, blocks := range map[string]bool{"kids": kids, "default": others} {
			for _, name := range []string{"ads.example", "www.bing.com", "other.example"} {
				q := ask(name)
				if group == "kids" {
					q.Type = dnswire.TypeHTTPS
				} else if name != "ads.example" {
					continue
				}
				if got := p.Group(group).Question(q).Action >= Block; got != blocks {
					t.Errorf("%s: %s is blocked for %s: %v", why, name, group, got)
				}
				q.Time = now // the same whether the question has its time or not
				if got := p.Group(group).Question(q).Action >= Block; got != blocks {
					t.Errorf("%s: %s is blocked for %s: %v", why, name, group, got)
				}
			}
			answer := answer("q.test", cname("q.test", "ads.example"))
			if got := p.Group(group).Answer(ask("q.test"), answer).Action == Block; got != blocks {
				t.Errorf("%s: the answer is blocked for %s: %v", why, group, got)
			}
			if got := p.Group(group).BlocksType(ask("q.test"), dnswire.TypeHTTPS); got != (blocks && group == "kids") {
				t.Errorf("%s: HTTPS is blocked for %s: %v", why, group, got)
			}
		}
	}
	check("at first", true, true)
	pauses.Pause("kids", now.Add(10*time.Minute))
	check("kids paused", false, true)
	p = open()
	check("and a new policy", false, true)
	now = now.Add(10*time.Minute - 1)
	check("just before its end", false, true)
	now = now.Add(1)
	check("at its end", true, true)
	pauses.Pause("", now.Add(time.Minute))
	check("all paused", false, false)
	pauses.Resume("kids")
	check("one of them resumed", false, false)
	pauses.Pause("kids", now.Add(time.Hour))
	now = now.Add(time.Minute)
	check("all over, kids go on", false, true)
	pauses.Pause("", now.Add(2*time.Hour))
	want := []Pause{{"", now.Add(2 * time.Hour)}, {"kids", now.Add(59 * time.Minute)}}
	if state := pauses.State(now); !slices.Equal(state, want) {
		t.Errorf("%v, want %v", state, want)
	}
	if state := pauses.State(now.Add(time.Hour)); !slices.Equal(state, want[:1]) {
		t.Errorf("%v, want %v", state, want[:1])
	}
	pauses.Pause("kids", now.Add(time.Hour))
	pauses.Resume("")
	check("all resumed", true, true)
	if state := pauses.State(now); len(state) != 0 || !pauses.none() {
		t.Errorf("%v is left", state)
	}
	now = now.Add(-24 * time.Hour)
	pauses.Pause("kids", now.Add(time.Hour))
	check("the clock was set back", false, true)
}

// The zero value and nil pause nobody.
func TestNoPauses(t *testing.T) {
	var p *Pauses
	if !p.none() || !new(Pauses).none() || !new(Pauses).Until("kids").IsZero() || new(Pauses).State(noon) != nil {
		t.Error("somebody is paused")
	}
}

func TestPausesAreSafe(t *testing.T) {
	set := lists(t, "ads", "ads.example\n")
	pauses := new(Pauses)
	p, err := New(Options{Set: set, Pauses: pauses, Groups: []ClientGroup{{Name: "default", Lists: []string{}, Schedules: []Schedule{always(Schedule{Lists: []string{"ads"}})}}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 200 {
				at := noon.Add(time.Duration(i*j) * time.Second)
				q := ask("ads.example")
				q.Time = at
				switch v := p.Group(DefaultGroup).Question(q); {
				case v.Action != None && v.Rule.List != "ads":
					t.Errorf("%+v", v)
				}
				pauses.Pause([]string{"", "default"}[j%2], at)
				pauses.Resume("")
				pauses.State(at)
			}
		})
	}
	wg.Wait()
}
