package nametable

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

// oracle says what a table must say, the slow and plain way: the rules of every
// name in a map.
type oracle struct {
	names      map[dnswire.Name][]Rule
	rules      int
	duplicates map[uint32]int // by kind
}

func newOracle() *oracle {
	return &oracle{names: make(map[dnswire.Name][]Rule), duplicates: make(map[uint32]int)}
}

func (o *oracle) add(name dnswire.Name, r Rule) {
	if slices.ContainsFunc(o.names[name], func(old Rule) bool { return old.Kind == r.Kind }) {
		o.duplicates[r.Kind]++
		return
	}
	o.names[name] = append(o.names[name], r)
	o.rules++
}

// found is a rule with the name it is for.
type found struct {
	name dnswire.Name
	rule Rule
}

func (o *oracle) find(name dnswire.Name) (all []found) {
	for ok := true; ok && name != dnswire.Root; name, ok = name.Parent() {
		var own []found
		for _, r := range o.names[name] {
			own = append(own, found{name, r})
		}
		all = append(own, all...)
	}
	return all
}

func find(t *Table, name dnswire.Name) (all []found) {
	m := t.Find(name)
	for start, r, ok := m.Next(); ok; start, r, ok = m.Next() {
		all = append(all, found{name[start:], r})
	}
	return all
}

// pair is a builder and an oracle that get the same rules.
type pair struct {
	builder Builder
	oracle  *oracle
}

func newPair() *pair { return &pair{oracle: newOracle()} }

func (p *pair) add(t testing.TB, name string, r Rule) {
	t.Helper()
	wire := dnswire.MustName(name)
	if err := p.builder.Add([]byte(wire), r); err != nil {
		t.Fatalf("Add(%s): %v", name, err)
	}
	p.oracle.add(wire, r)
}

// build returns the table and the same one saved and read, after comparing what
// they say of themselves with the oracle.
func (p *pair) build(t testing.TB) []*Table {
	t.Helper()
	built, err := p.builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	for kind, n := range p.builder.Duplicates() {
		if n != p.oracle.duplicates[uint32(kind)] {
			t.Errorf("%d duplicates of kind %d, want %d", n, kind, p.oracle.duplicates[uint32(kind)])
		}
	}
	saved, err := built.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(saved)
	if err != nil {
		t.Fatal(err)
	}
	tables := []*Table{built, read}
	for _, table := range tables {
		if table.Names() != len(p.oracle.names) || table.Rules() != p.oracle.rules {
			t.Errorf("%d names and %d rules, want %d and %d", table.Names(), table.Rules(), len(p.oracle.names), p.oracle.rules)
		}
	}
	return tables
}

// agree compares the tables with the oracle for one name.
func (p *pair) agree(t testing.TB, tables []*Table, name dnswire.Name) {
	t.Helper()
	want := p.oracle.find(name)
	for i, table := range tables {
		if got := find(table, name); !slices.Equal(got, want) {
			t.Fatalf("table %d: Find(%v) = %v, want %v", i, name, got, want)
		}
	}
}

// deep returns a name of so many labels.
func deep(labels int) string {
	var b strings.Builder
	for i := range labels {
		fmt.Fprintf(&b, "%c.", "abc123"[i%6])
	}
	return strings.TrimSuffix(b.String(), ".")
}
