package config

import (
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// endOfDay is "24:00" in minutes since midnight.
const endOfDay = 24 * 60

// schedules decodes [[group.schedule]] of a group. always are the lists that it has at all
// times.
func (d *decoder) schedules(n *node, always []string) []Schedule {
	if n.kind != unstable.Array {
		d.fail(n.at, "schedule is a list of tables; write [[group.schedule]], in double brackets")
		return nil
	}
	var schedules []Schedule
	for _, t := range n.items {
		schedules = append(schedules, d.schedule(t, always))
	}
	return schedules
}

func (d *decoder) schedule(t *node, always []string) Schedule {
	s := Schedule{Days: [7]bool{true, true, true, true, true, true, true}, To: endOfDay, Location: time.Local}
	var lists, block *node
	problems, to := len(d.problems), t
	d.table(t, "a schedule",
		field{"days", func(n *node) { s.Days = d.days(n) }},
		field{"from", func(n *node) { d.clock(n, &s.From, endOfDay-1) }},
		field{"to", func(n *node) {
			to = n
			d.clock(n, &s.To, endOfDay)
		}},
		field{"time_zone", func(n *node) {
			if location, ok := d.location(n); ok {
				s.Location = location
			}
		}},
		field{"lists", func(n *node) {
			lists = n
			if s.Lists = d.groupLists(n, always); n.kind == unstable.Array && len(n.items) == 0 {
				d.fail(n.at, "lists is empty, so this schedule changes nothing; name a list")
			}
		}},
		field{"block", func(n *node) {
			block = n
			s.Block, _ = d.choice(n, []string{BlockEverything, BlockNothing})
		}},
	)
	switch {
	case t.kind != unstable.Table:
	case lists == nil && block == nil:
		d.fail(t.at, `this schedule says neither lists nor block; add: block = "everything", block = "nothing", or lists with the names of some`)
	case lists != nil && block != nil:
		d.fail(max(lists.at, block.at), "a schedule has lists or block, not both; remove one of them, or write two schedules")
	case s.From == s.To && len(d.problems) == problems:
		d.fail(to.at, "from and to are the same; leave both out for the whole day")
	}
	return s
}

// weekdays are those of time.Weekday.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// days decodes days of the week and ranges of them, which may lead over the week's end.
func (d *decoder) days(n *node) (days [7]bool) {
	items, ok := d.list(n, "days")
	if ok && len(items) == 0 {
		d.fail(n.at, "days is empty, so this schedule is never used; name a day, or leave days out for all of them")
	}
	for _, item := range items {
		text, ok := d.item(item, "a day")
		if !ok {
			continue
		}
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if from < 0 || to < 0 {
			d.fail(item.at, `day %s is not known; write mon, tue, wed, thu, fri, sat or sun, or a range, like "mon-fri"`, quote(text))
			continue
		}
		for day := from; ; day = (day + 1) % 7 {
			if days[day] {
				d.fail(item.at, "day %q is given twice", weekdays[day])
				break
			}
			days[day] = true
			if day == to {
				break
			}
		}
	}
	return days
}

// clock stores a time of day into to, in minutes since midnight and at most last.
func (d *decoder) clock(n *node, to *int, last int) {
	text, ok := d.str(n, "a time of day")
	if !ok {
		return
	}
	v, ok := parseClock(text)
	switch {
	case !ok:
		d.fail(n.at, `%s %s is not a time of day; write one from "00:00" to "24:00", like "07:30"`, n.name, quote(text))
	case v > last:
		d.fail(n.at, `%s %s is the end of the day; write "00:00" for its beginning`, n.name, quote(text))
	default:
		*to = v
	}
}

// parseClock parses "hh:mm", with two digits each, up to 24:00.
func parseClock(text string) (minutes int, ok bool) {
	if len(text) != len("hh:mm") || text[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	number := func(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }
	hour, minute := number(text[:2]), number(text[3:])
	return hour*60 + minute, minute < 60 && hour*60+minute <= endOfDay
}

// location returns a time zone of the IANA database, or the host's own for "Local".
func (d *decoder) location(n *node) (*time.Location, bool) {
	text, ok := d.str(n, "a time zone")
	if !ok {
		return nil, false
	}
	location, err := time.LoadLocation(text)
	if err != nil || text == "" { // which would be UTC
		d.fail(n.at, `time_zone %s is not known here; use a name of the IANA time zone database, like "Europe/Berlin", "UTC", or "Local" for the host's own`, quote(text))
		return nil, false
	}
	return location, true
}
