package blocklists

import (
	"context"
	"io"
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

// load compiles sources that must be good.
func mustLoad(t testing.TB, sources ...Source) (*Set, []Report) {
	t.Helper()
	set, reports, err := Load(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return set, reports
}

// oracle says what a set must say, the slow and plain way: every rule in a map
// by name, and for a query every rule of every parent compared with the best.
type oracle struct {
	rules map[string][]Rule // by name in presentation form
	all   int
}

func newOracle() *oracle { return &oracle{rules: make(map[string][]Rule)} }

// add adds a rule unless the list has it already.
func (o *oracle) add(r Rule) bool {
	key := r.Name.Text()
	for _, old := range o.rules[key] {
		if old.List == r.List && old.Subtree == r.Subtree && old.Action == r.Action && old.Important == r.Important {
			return false
		}
	}
	o.rules[key] = append(o.rules[key], r)
	o.all++
	return true
}

// match returns all rules of the lists in on that match name, winner first.
func (o *oracle) match(name string, on func(list int) bool) []Rule {
	var found []Rule
	labels := strings.Split(name, ".")
	for i := range labels {
		for _, r := range o.rules[strings.Join(labels[i:], ".")] {
			if (i == 0 || r.Subtree) && on(r.list) {
				found = append(found, r)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Rule) int {
		switch {
		case oracleClass(a) != oracleClass(b):
			return oracleClass(b) - oracleClass(a)
		case len(a.Name) != len(b.Name):
			return len(b.Name) - len(a.Name)
		case a.list != b.list:
			return a.list - b.list
		}
		return a.Line - b.Line
	})
	return found
}

// oracleClass spells the four strengths out.
func oracleClass(r Rule) int {
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

// oracleSink collects the rules of one list.
type oracleSink struct {
	o    *oracle
	list string
	i    int
	line int
}

func (s *oracleSink) rule(name []byte, f flags) {
	s.o.add(newRule(s.list, s.i, s.line, dnswire.Name(name), f))
}

func (s *oracleSink) skip(reason) {}

// agree compares the set with the oracle for one name and choice of lists.
func agree(t testing.TB, set *Set, o *oracle, name dnswire.Name, lists Lists) {
	t.Helper()
	want := o.match(name.Text(), lists.Has)
	all := set.MatchAll(name, lists)
	if !slices.Equal(all, want) {
		t.Fatalf("MatchAll(%v) = %v, want %v", name, all, want)
	}
	got, ok := set.Match(name, lists)
	if ok != (len(want) > 0) || ok && got != want[0] {
		t.Fatalf("Match(%v) = %v %v, want the first of %v", name, got, ok, want)
	}
}
