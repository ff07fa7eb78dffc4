package policy

import (
	"slices"
	"time"

	"tundns/blocklists"
)

// force is what of a group is in force. It is immutable.
type force struct {
	lists      blocklists.Lists // none when nothing is blocked
	listed     bool             // the group has any
	off        string           // why nothing is blocked; "" when that is not so
	everything string           // why every name is blocked that no rule allows

	// It holds from from until before until, Unix nanoseconds by the wall clock,
	// which may be set and goes on while the machine sleeps.
	from, until int64
	active      uint64 // bit i for schedule i
}

// schedule is one of a group.
type schedule struct {
	Schedule
	reason string
}

// paused is in force while a group is paused.
var paused = &force{off: "paused"}

// at returns what is in force for q.
func (g *Group) at(q *Question) *force {
	if len(g.schedules) == 0 && g.policy.pauses.none() {
		return &g.always // without a look at the clock, which costs more than a match
	}
	now := q.Time
	if now.IsZero() {
		now = g.policy.now()
	}
	return g.inForce(now)
}

// inForce returns what is in force at the time now.
func (g *Group) inForce(now time.Time) *force {
	if !g.policy.pauses.none() && now.Before(g.policy.pauses.Until(g.name)) {
		return paused
	}
	if len(g.schedules) == 0 {
		return &g.always
	}
	f := g.present.Load()
	if t := now.UnixNano(); f == nil || t < f.from || t >= f.until {
		f = g.reckon(now, f)
		g.present.Store(f)
	}
	return f
}

// reckon returns what the schedules put in force at the time now. It holds for
// the minute, as windows begin and end on full minutes, and so do the changes of
// the time zones' offsets; to find out anew each minute costs next to nothing and
// needs no knowledge of when the clocks change. old is what was in force before,
// or nil.
func (g *Group) reckon(now time.Time, old *force) *force {
	f := &force{listed: g.always.listed, from: now.UnixNano() - int64(time.Minute), until: now.UnixNano() + int64(time.Minute)}
	for i := range g.schedules {
		s := &g.schedules[i]
		local := s.in(now)
		begun := now.UnixNano() - int64(time.Duration(local.Second())*time.Second) - int64(local.Nanosecond())
		f.from, f.until = max(f.from, begun), min(f.until, begun+int64(time.Minute))
		if !s.holds(local) {
			continue
		}
		f.active |= 1 << i
		f.listed = f.listed || len(s.Lists) > 0
		switch {
		case s.Off && f.off == "":
			f.off = s.reason
		case s.Everything && f.everything == "":
			f.everything = s.reason
		}
	}
	switch {
	case f.off != "": // with no list
	case old != nil && old.active == f.active:
		f.lists = old.lists
	default:
		f.lists, _ = g.choose(f.active) // newGroup has found all names good
	}
	return f
}

// choose returns the group's lists with those of the schedules that are active.
func (g *Group) choose(active uint64) (blocklists.Lists, error) {
	if g.names == nil {
		return g.set.All(), nil
	}
	names := slices.Clone(g.names)
	for i := range g.schedules {
		if active>>i&1 != 0 {
			names = append(names, g.schedules[i].Lists...)
		}
	}
	return g.set.Select(names)
}
