package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Days is a set of days of the week: bit 1<<d stands for the time.Weekday d.
type Days uint8

// EveryDay is all seven days.
const EveryDay Days = 1<<7 - 1

// Has reports whether d is in the set.
func (days Days) Has(d time.Weekday) bool { return days>>d&1 != 0 }

// String returns the days in the order of the week from Monday, runs of three
// and more as a range: "mon-fri,sun". All seven are "daily".
func (days Days) String() string {
	if days&EveryDay == EveryDay {
		return "daily"
	}
	// from Monday, the order that people write
	day := func(i int) time.Weekday { return time.Weekday((i + 1) % 7) }
	name := func(i int) string { return strings.ToLower(day(i).String()[:3]) }
	var parts []string
	for i := 0; i < 7; i++ {
		end := i
		for end < 7 && days.Has(day(end)) {
			end++
		}
		switch n := end - i; {
		case n >= 3:
			parts = append(parts, name(i)+"-"+name(end-1))
			i = end
		case n > 0:
			parts = append(parts, name(i))
		}
	}
	return strings.Join(parts, ",")
}

const (
	day = 24 * 60 // in minutes

	// maxSchedules is as many as the bits of force.active.
	maxSchedules = 64
)

// Schedule is a window of the week and what holds in it. Exactly one of Lists,
// Everything and Off is set.
//
// What the clock on the wall shows counts: an hour that is left out when clocks
// go forward is in no window, and one that comes twice when they go back is in
// its windows both times.
type Schedule struct {
	Days Days // on which the window begins
	// From and To are minutes of the day, 0 to 1440. A window that does not end
	// behind its beginning ends on the day after: from 20:00 to 07:00 is a night,
	// and it belongs to the day on which it began. One with the same From and To
	// has 24 hours.
	From, To int
	Location *time.Location // nil: time.Local

	Lists      []string // these lists hold in the window as well
	Everything bool     // every name that no rule allows is blocked
	Off        bool     // nothing is blocked
}

// String returns the window: "mon-fri 20:00-07:00", with the location where that
// is not the local one.
func (s Schedule) String() string {
	text := fmt.Sprintf("%v %02d:%02d-%02d:%02d", s.Days, s.From/60, s.From%60, s.To/60, s.To%60)
	if s.Location != nil && s.Location != time.Local {
		text += " " + s.Location.String()
	}
	return text
}

func (s *Schedule) check() error {
	effects := 0
	for _, set := range []bool{len(s.Lists) > 0, s.Everything, s.Off} {
		if set {
			effects++
		}
	}
	switch {
	case s.Days&EveryDay == 0 || s.Days&^EveryDay != 0:
		return errors.New("it has no days of the week")
	case s.From < 0 || s.From >= day || s.To < 0 || s.To > day:
		return fmt.Errorf("from minute %d to minute %d of the day: want 0 to %d", s.From, s.To, day)
	case effects != 1:
		return errors.New("it must either have lists, block everything or block nothing")
	}
	return nil
}

// in returns t where the schedule counts.
func (s *Schedule) in(t time.Time) time.Time {
	if s.Location == nil {
		return t.In(time.Local)
	}
	return t.In(s.Location)
}

// holds reports whether the window is open when the clock on the wall shows
// local.
func (s *Schedule) holds(local time.Time) bool {
	minute, today := 60*local.Hour()+local.Minute(), local.Weekday()
	if s.From < s.To {
		return s.Days.Has(today) && s.From <= minute && minute < s.To
	}
	yesterday := (today + 6) % 7
	return s.Days.Has(today) && minute >= s.From || s.Days.Has(yesterday) && minute < s.To
}
