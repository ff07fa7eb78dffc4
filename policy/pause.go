package policy

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Pauses are the client groups in which nothing is blocked for a while, whatever
// their lists, blocked types, safe search and schedules say. They know groups by
// name, so that they hold on over a change of policy. The zero value pauses none.
// It is safe for concurrent use and must not be copied.
type Pauses struct {
	mu sync.Mutex // held while m is replaced
	// m holds the end of each pause by the wall clock; nil for none. A map that is
	// stored is not changed.
	m atomic.Pointer[map[string]time.Time]
}

// Pause is one pause.
type Pause struct {
	Group string // "" for all groups
	Until time.Time
}

// Pause stops the blocking in a group, or in all for "", until the time given, in
// place of an earlier pause of the same group.
func (p *Pauses) Pause(group string, until time.Time) {
	p.change(func(m map[string]time.Time) {
		m[group] = until.Round(0) // by the wall clock, which goes on while the machine sleeps
	})
}

// Resume ends the pause of a group. A pause of all groups goes on; it and all
// others end by Resume("").
func (p *Pauses) Resume(group string) {
	p.change(func(m map[string]time.Time) {
		if group == "" {
			clear(m)
		}
		delete(m, group)
	})
}

func (p *Pauses) change(f func(map[string]time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := make(map[string]time.Time)
	if old := p.m.Load(); old != nil {
		maps.Copy(m, *old)
	}
	f(m)
	if len(m) == 0 {
		p.m.Store(nil)
		return
	}
	p.m.Store(&m)
}

// none reports whether no pause has been set, over or not. nil has none.
func (p *Pauses) none() bool { return p == nil || p.m.Load() == nil }

// Until returns when the pause of a group ends or ended, the later of its own and
// that of all groups. It is the zero time when there is none.
func (p *Pauses) Until(group string) time.Time {
	m := p.m.Load()
	if m == nil {
		return time.Time{}
	}
	own, all := (*m)[group], (*m)[""]
	if all.After(own) {
		return all
	}
	return own
}

// State returns the pauses that are not over at the time now, that of all groups
// first and the others by name, and forgets those that are.
func (p *Pauses) State(now time.Time) []Pause {
	var state []Pause
	p.change(func(m map[string]time.Time) {
		for group, until := range m {
			if !now.Before(until) {
				delete(m, group)
				continue
			}
			state = append(state, Pause{group, until})
		}
	})
	slices.SortFunc(state, func(a, b Pause) int { return cmp.Compare(a.Group, b.Group) })
	return state
}
