package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests' zones, on hosts without a data base of their own
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const (
	workdays = 1<<time.Monday | 1<<time.Tuesday | 1<<time.Wednesday | 1<<time.Thursday | 1<<time.Friday
	weekend  = 1<<time.Saturday | 1<<time.Sunday
)

func TestScheduleHolds(t *testing.T) {
	const berlin, apia, havana = "Europe/Berlin", "Pacific/Apia", "America/Havana"
	for _, test := range []struct {
		why      string
		days     Days
		from, to int
		zone     string
		at       string // in UTC
		want     bool
	}{
		{"before", workdays, 9 * 60, 17 * 60, berlin, "2026-03-02 07:59:59", false},
		{"at its beginning", workdays, 9 * 60, 17 * 60, berlin, "2026-03-02 08:00:00", true},
		{"in its last second", workdays, 9 * 60, 17 * 60, berlin, "2026-03-02 15:59:59", true},
		{"at its end", workdays, 9 * 60, 17 * 60, berlin, "2026-03-02 16:00:00", false},
		{"in summer", workdays, 9 * 60, 17 * 60, berlin, "2026-07-06 07:00:00", true},
		{"another day", workdays, 9 * 60, 17 * 60, berlin, "2026-03-01 12:00:00", false},

		{"Friday's night on Friday", workdays, 20 * 60, 7 * 60, berlin, "2026-03-06 19:00:00", true},
		{"Friday's night on Saturday", workdays, 20 * 60, 7 * 60, berlin, "2026-03-07 05:59:59", true},
		{"Friday's night is over", workdays, 20 * 60, 7 * 60, berlin, "2026-03-07 06:00:00", false},
		{"Saturday has no night", workdays, 20 * 60, 7 * 60, berlin, "2026-03-07 20:00:00", false},
		{"nor has Sunday on Monday", workdays, 20 * 60, 7 * 60, berlin, "2026-03-09 05:00:00", false},
		{"Sunday's night on Monday", weekend, 20 * 60, 7 * 60, berlin, "2026-03-09 05:00:00", true},

		{"until midnight", workdays, 20 * 60, day, berlin, "2026-03-02 22:59:59", true},
		{"until midnight, written 00:00", workdays, 20 * 60, 0, berlin, "2026-03-02 22:59:59", true},
		{"not beyond", workdays, 20 * 60, 0, berlin, "2026-03-02 23:00:00", false},
		{"the whole day, its first second", weekend, 0, 0, berlin, "2026-03-06 23:00:00", true},
		{"the whole day, its last second", weekend, 0, day, berlin, "2026-03-08 22:59:59", true},
		{"the whole day is over", weekend, 0, 0, berlin, "2026-03-08 23:00:00", false},
		{"24 hours from ten", 1 << time.Monday, 600, 600, berlin, "2026-03-03 08:59:59", true},
		{"24 hours from ten, before", 1 << time.Monday, 600, 600, berlin, "2026-03-02 08:59:59", false},

		// Berlin's clocks go from 02:00 to 03:00 at 01:00 UTC.
		{"a night of 10 hours", EveryDay, 20 * 60, 7 * 60, berlin, "2026-03-29 04:59:59", true},
		{"and its end", EveryDay, 20 * 60, 7 * 60, berlin, "2026-03-29 05:00:00", false},
		{"before the hour left out", EveryDay, 2 * 60, 3 * 60, berlin, "2026-03-29 00:59:59", false},
		{"the hour left out", EveryDay, 2 * 60, 3 * 60, berlin, "2026-03-29 01:00:00", false},
		{"half of it left out", EveryDay, 2*60 + 30, 3*60 + 30, berlin, "2026-03-29 01:00:00", true},
		{"and its end", EveryDay, 2*60 + 30, 3*60 + 30, berlin, "2026-03-29 01:30:00", false},
		// They go from 03:00 to 02:00 at 01:00 UTC.
		{"the hour that comes twice", EveryDay, 2 * 60, 3 * 60, berlin, "2026-10-25 00:00:00", true},
		{"its second time", EveryDay, 2 * 60, 3 * 60, berlin, "2026-10-25 01:59:59", true},
		{"and its end", EveryDay, 2 * 60, 3 * 60, berlin, "2026-10-25 02:00:00", false},
		{"the first half of it", EveryDay, 2 * 60, 2*60 + 30, berlin, "2026-10-25 00:30:00", false},
		{"the first half again", EveryDay, 2 * 60, 2*60 + 30, berlin, "2026-10-25 01:00:00", true},

		// Apia went from Thursday, 29 December 2011, to Saturday at 10:00 UTC.
		{"Thursday's last second", 1 << time.Thursday, 0, 0, apia, "2011-12-30 09:59:59", true},
		{"Friday never came", 1 << time.Friday, 0, 0, apia, "2011-12-30 10:00:00", false},
		{"Saturday came instead", 1 << time.Saturday, 0, 0, apia, "2011-12-30 10:00:00", true},
		{"Thursday's night is cut", 1 << time.Thursday, 20 * 60, 7 * 60, apia, "2011-12-30 10:00:00", false},
		{"the night before Saturday is Friday's", 1 << time.Friday, 20 * 60, 7 * 60, apia, "2011-12-30 10:00:00", true},

		// Havana's clocks go from 00:00 to 01:00 at 05:00 UTC.
		{"a day without midnight", 1 << time.Sunday, 0, 0, havana, "2026-03-08 05:00:00", true},
		{"the day before", 1 << time.Sunday, 0, 0, havana, "2026-03-08 04:59:59", false},
	} {
		at, err := time.Parse(time.DateTime, test.at)
		if err != nil {
			t.Fatal(err)
		}
		s := Schedule{Days: test.days, From: test.from, To: test.to, Location: zoneOf(t, test.zone), Off: true}
		if err := s.check(); err != nil {
			t.Errorf("%s: %v", test.why, err)
		}
		if local := s.in(at); s.holds(local) != test.want {
			t.Errorf("%s: %v at %v: %v", test.why, s, local, !test.want)
		}
	}
}

// opened is what holds says, by the windows that begin today and yesterday on a
// clock that knows no changes.
func opened(s *Schedule, at time.Time) bool {
	l := s.in(at)
	wall := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	midnight := wall.Truncate(24 * time.Hour)
	length := s.To - s.From
	if length <= 0 {
		length += day
	}
	for _, begins := range []time.Time{midnight, midnight.AddDate(0, 0, -1)} {
		from := begins.Add(time.Duration(s.From) * time.Minute)
		if s.Days.Has(begins.Weekday()) && !wall.Before(from) && wall.Before(from.Add(time.Duration(length)*time.Minute)) {
			return true
		}
	}
	return false
}

// What is in force in a group, found out once a minute at the most, is what the
// schedules say at every moment, wherever the clock jumps.
func TestForceAgreesWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 7))
	zones := []*time.Location{time.UTC, time.Local, time.FixedZone("odd", 17)}
	for _, name := range []string{"Europe/Berlin", "Pacific/Apia", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		zones = append(zones, zoneOf(t, name))
	}
	changes := []string{"2026-03-29 01:00:00", "2026-10-25 01:00:00", "2011-12-30 10:00:00", "2026-03-08 05:00:00", "2026-11-01 05:00:00", "2026-04-04 15:00:00"}
	set := lists(t, "ads", "ads.example\n", "more", "more.example\n")
	for range 300 {
		var schedules []Schedule
		for range 1 + rng.IntN(4) {
			s := Schedule{Days: Days(1 + rng.IntN(int(EveryDay))), From: rng.IntN(day), To: rng.IntN(day + 1), Location: zones[rng.IntN(len(zones))]}
			if rng.IntN(4) == 0 {
				s.To = s.From
			}
			switch rng.IntN(4) {
			case 0:
				s.Off = true
			case 1:
				s.Everything = true
			default:
				s.Lists = []string{"more"}
			}
			schedules = append(schedules, s)
		}
		g := mustNew(t, set, ClientGroup{Name: "kids", Clients: prefixes("10.0.0.0/8"), Lists: []string{"ads"}, Schedules: schedules}).Group("kids")
		now, _ := time.Parse(time.DateTime, changes[rng.IntN(len(changes))])
		for range 300 {
			switch rng.IntN(10) {
			case 0:
				now = now.Add(time.Duration(rng.IntN(72*60)-36*60) * time.Minute)
			case 1:
				now = now.Truncate(time.Minute).Add(time.Duration(rng.IntN(3) - 1))
			default:
				now = now.Add(time.Duration(rng.Int64N(int64(2 * time.Minute))))
			}
			var off, everything, more bool
			for i := range schedules {
				if s := &schedules[i]; opened(s, now) {
					off, everything, more = off || s.Off, everything || s.Everything, more || len(s.Lists) > 0
				}
			}
			verdict := func(name string) Action {
				q := ask(name)
				q.Time = now
				return g.Question(q).Action
			}
			want := func(block bool) Action {
				if block && !off {
					return Block
				}
				return None
			}
			if verdict("ads.example") != want(true) || verdict("more.example") != want(more || everything) || verdict("other.example") != want(everything) {
				t.Fatalf("%v: %v: off %v, everything %v, more %v", now, schedules, off, everything, more)
			}
		}
	}
}

func TestScheduleString(t *testing.T) {
	for want, s := range map[string]Schedule{
		"mon-fri 20:00-07:00":         {Days: workdays, From: 20 * 60, To: 7 * 60},
		"sat,sun 00:00-24:00":         {Days: weekend, To: day},
		"daily 08:05-08:06 UTC":       {Days: EveryDay, From: 485, To: 486, Location: time.UTC},
		"mon,wed,fri-sun 00:00-00:01": {Days: weekend | 1<<time.Monday | 1<<time.Wednesday | 1<<time.Friday, To: 1},
		"tue-thu,sat 00:00-00:01":     {Days: 1<<time.Tuesday | 1<<time.Wednesday | 1<<time.Thursday | 1<<time.Saturday, To: 1},
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

func TestScheduleRefused(t *testing.T) {
	good := Schedule{Days: EveryDay, Off: true}
	for want, change := range map[string]func(*Schedule){
		"no days":                     func(s *Schedule) { s.Days = 0 },
		"it has no days":              func(s *Schedule) { s.Days = 0xFF },
		"from minute -1":              func(s *Schedule) { s.From = -1 },
		"from minute 1440":            func(s *Schedule) { s.From = day },
		"to minute 1441":              func(s *Schedule) { s.To = day + 1 },
		"to minute -1":                func(s *Schedule) { s.To = -1 },
		"must either have":            func(s *Schedule) { s.Off = false },
		"it must either have lists":   func(s *Schedule) { s.Everything = true },
		"either have lists, block":    func(s *Schedule) { s.Lists = []string{"ads"} },
		`no list is called "missing"`: func(s *Schedule) { s.Off, s.Lists = false, []string{"missing"} },
	} {
		s := good
		change(&s)
		_, err := New(Options{Set: lists(t, "ads", "ads.example\n"), Groups: []ClientGroup{{Name: "default", Schedules: []Schedule{s}}}})
		if err == nil || !strings.Contains(err.Error(), `client group "default": schedule 1: `) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	many := make([]Schedule, maxSchedules+1)
	if _, err := New(Options{Groups: []ClientGroup{{Name: "default", Schedules: many}}}); err == nil || !strings.Contains(err.Error(), "64 are the most") {
		t.Error(err)
	}
}
