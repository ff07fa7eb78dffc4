package blocklists

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

// text is a source that reads s.
func text(name, s string) Source {
	return Source{
		Name: name,
		Path: name + ".txt",
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil },
	}
}

// as changes the format of a source.
func as(f Format, s Source) Source {
	s.Format = f
	return s
}

// mustLoad compiles sources that must be good.
func mustLoad(t testing.TB, sources ...Source) (*Set, []Report) {
	t.Helper()
	set, reports, err := Load(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return set, reports
}

// oracle says what a set must say, the slow and plain way: it tries one rule
// after the other and compares each with each.
type oracle struct {
	names    map[string][]oracleRule // by name in presentation form
	patterns []oracleRule
	addrs    []oracleRule
	all      int
	seen     map[string]bool
}

type oracleRule struct {
	Rule
	meaning string
	regexp  *regexp.Regexp // for a pattern
}

func newOracle() *oracle {
	return &oracle{names: make(map[string][]oracleRule), seen: make(map[string]bool)}
}

// add adds a rule unless its list has it already.
func (o *oracle) add(r Rule) bool {
	rule := oracleRule{Rule: r, meaning: meaning(r)}
	key := fmt.Sprint(r.List, " ", r.Badfilter, rule.meaning)
	if o.seen[key] {
		return false
	}
	o.seen[key] = true
	o.all++
	switch {
	case r.Pattern != "":
		rule.regexp = regexp.MustCompile(asRegexp(r.Pattern))
		o.patterns = append(o.patterns, rule)
	case r.Prefix.IsValid():
		o.addrs = append(o.addrs, rule)
	default:
		o.names[r.Name.Text()] = append(o.names[r.Name.Text()], rule)
	}
	return true
}

// meaning spells out all of a rule but where it stands and $badfilter.
func meaning(r Rule) string {
	s := fmt.Sprintf("%q %d %q %v %d %v", r.Name, r.Scope, r.Pattern, r.Prefix, r.Action, r.Important)
	if r.Condition != nil {
		s += fmt.Sprintf(" if %+v", *r.Condition)
	}
	if r.Reply != nil {
		s += fmt.Sprintf(" reply %+v", *r.Reply)
	}
	return s
}

// asRegexp writes a pattern as a regular expression.
func asRegexp(pattern string) string {
	if expr, ok := strings.CutPrefix(pattern, "/"); ok {
		return "(?i)" + strings.TrimSuffix(expr, "/")
	}
	pattern, end := strings.CutSuffix(pattern, "^")
	start := ""
	if rest, ok := strings.CutPrefix(pattern, "||"); ok {
		pattern, start = rest, `(^|\.)`
	} else if rest, ok := strings.CutPrefix(pattern, "|"); ok {
		pattern, start = rest, "^"
	}
	expr := start + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	if end {
		expr += "$"
	}
	return expr
}

// match returns the rules of the lists in on that have an effect on a query, the
// winner first: those for its name and patterns, or for addr if that is valid.
func (o *oracle) match(q *Query, addr netip.Addr, on func(list int) bool) []Rule {
	var found []oracleRule
	add := func(rules []oracleRule, matches func(oracleRule) bool) {
		for _, r := range rules {
			if on(r.list) && matches(r) && holds(r.Condition, q) {
				found = append(found, r)
			}
		}
	}
	name := q.Name.Text()
	if addr.IsValid() {
		add(o.addrs, func(r oracleRule) bool { return r.Prefix.Contains(addr) })
	} else {
		add(o.patterns, func(r oracleRule) bool { return name != "." && r.regexp.MatchString(name) })
		labels := strings.Split(name, ".")
		for i := range labels {
			add(o.names[strings.Join(labels[i:], ".")], func(r oracleRule) bool {
				return r.Scope == Subtree || r.Scope == Exact && i == 0 || r.Scope == Under && i > 0
			})
		}
	}
	var left []Rule
	for _, r := range found {
		if !slices.ContainsFunc(found, func(other oracleRule) bool {
			return other.Badfilter && other.meaning == r.meaning
		}) {
			left = append(left, r.Rule)
		}
	}
	lifts := func(r Rule) bool { return r.Condition != nil && r.Condition.RewritesOnly && r.Action == Allow }
	var rules []Rule
	for _, r := range left {
		lifted := r.Reply != nil && slices.ContainsFunc(left, func(other Rule) bool {
			return lifts(other) && strength(other) > strength(r)
		})
		if !lifted && !lifts(r) {
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b Rule) int {
		switch {
		case strength(a) != strength(b):
			return strength(b) - strength(a)
		case len(a.Name) != len(b.Name):
			return len(b.Name) - len(a.Name)
		case a.Prefix.Bits() != b.Prefix.Bits():
			return b.Prefix.Bits() - a.Prefix.Bits()
		case a.list != b.list:
			return a.list - b.list
		}
		return a.Line - b.Line
	})
	return rules
}

// strength spells the four classes out.
func strength(r Rule) int {
	switch {
	case r.Action == Allow && r.Important:
		return 4
	case r.Important:
		return 3
	case r.Action == Allow:
		return 2
	}
	return 1
}

func holds(c *Condition, q *Query) bool {
	if c == nil {
		return true
	}
	client := func(clients []ClientMatch) bool {
		for _, m := range clients {
			if m.Prefix.IsValid() && m.Prefix.Contains(q.Client.Addr) || m.Name != "" && m.Name == q.Client.Name {
				return true
			}
		}
		return false
	}
	if len(c.Types) > 0 && !slices.Contains(c.Types, q.Type) || slices.Contains(c.NotTypes, q.Type) {
		return false
	}
	if len(c.Clients) > 0 && !client(c.Clients) || client(c.NotClients) {
		return false
	}
	for _, name := range c.DenyAllow {
		if q.Name == name || strings.HasSuffix(q.Name.Text(), "."+name.Text()) {
			return false
		}
	}
	return true
}

// oracleSink collects the rules of one list.
type oracleSink struct {
	o    *oracle
	list string
	i    int
}

func (s *oracleSink) rule(r *parsed) { s.o.add(r.rule(s.list, s.i)) }

func (s *oracleSink) skip(reason) {}

// agree compares the set with the oracle for one query and choice of lists.
func agree(t testing.TB, set *Set, o *oracle, q *Query, lists Lists) {
	t.Helper()
	want := o.match(q, netip.Addr{}, lists.Has)
	all := set.MatchAll(q, lists)
	if !slices.EqualFunc(all, want, sameRule) {
		t.Fatalf("MatchAll(%+v) =\n%s, want\n%s", *q, show(all...), show(want...))
	}
	got, ok := set.Match(q, lists)
	if ok != (len(want) > 0) || ok && !sameRule(got, want[0]) {
		t.Fatalf("Match(%+v) = %s %v, want the first of\n%s", *q, show(got), ok, show(want...))
	}
}

// agreeAddr is agree for an address in an answer.
func agreeAddr(t testing.TB, set *Set, o *oracle, addr netip.Addr, q *Query, lists Lists) {
	t.Helper()
	want := o.match(q, addr, lists.Has)
	got, ok := set.MatchAddr(addr, q, lists)
	if ok != (len(want) > 0) || ok && !sameRule(got, want[0]) {
		t.Fatalf("MatchAddr(%v, %+v) = %s %v, want the first of\n%s", addr, *q, show(got), ok, show(want...))
	}
}

// sameRule compares rules of different loads.
func sameRule(a, b Rule) bool {
	return a.List == b.List && a.Line == b.Line && a.Badfilter == b.Badfilter && meaning(a) == meaning(b)
}

func show(rules ...Rule) string {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "\t%s:%d %s\n", r.List, r.Line, meaning(r))
	}
	return b.String()
}

// named is a query for the addresses of a name, from nobody in particular.
func named(name dnswire.Name) *Query { return &Query{Name: name, Type: dnswire.TypeA} }
