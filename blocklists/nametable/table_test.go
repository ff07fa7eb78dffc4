package nametable

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// Random rules over few labels, so that names meet: parents, children, many rules
// of one name, the same rule again; and labels that take many bits.
func TestTableAgreesWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	labels := []string{"a", "b", "ab", "com", "net", "example", "x-1", "_q", "0", "99", "zqxj-_0k9v",
		strings.Repeat("z", 63), strings.Repeat("-_", 31), strings.Repeat("0", 40), "xn--bcher-kva"}
	name := func(maxLabels int) string {
		var parts []string
		length := 0
		for range 1 + rng.IntN(maxLabels) {
			label := labels[rng.IntN(len(labels))]
			if length += len(label) + 1; length > 253 {
				break
			}
			parts = append(parts, label)
		}
		return strings.Join(parts, ".")
	}
	for round := range 60 {
		p := newPair()
		kinds := []uint32{1, 6, 20, 400, maxKinds}[round%5]
		lines := []uint32{1, 1000, 1 << 20, 1<<32 - 1}[round%4]
		for range rng.IntN(400) {
			p.add(t, name(6), Rule{Kind: rng.Uint32N(kinds), Line: rng.Uint32N(lines) + 1})
		}
		tables := p.build(t)
		for range 300 {
			p.agree(t, tables, dnswire.MustName(name(9)))
		}
		for name := range p.oracle.names {
			p.agree(t, tables, name)
		}
	}
}

// As many names as it takes to split the parts, with rules as lists have them;
// and of some of them the names above and under them, and with a letter changed.
func TestManyNames(t *testing.T) { testNames(t, listtest.Names(splitAt)) }

// Every name of the published lists.
func TestRealNames(t *testing.T) { testNames(t, listtest.Real(t)) }

func testNames(t *testing.T, names []string) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := newPair()
	for kind := range uint32(6) {
		for line, name := range names {
			if rng.IntN(5) == 0 || line%5 == int(kind) {
				p.add(t, name, Rule{Kind: kind, Line: uint32(line + 1)})
			}
		}
	}
	tables := p.build(t)
	for i, text := range names {
		name := dnswire.MustName(text)
		p.agree(t, tables, name)
		if i%8 != 0 {
			continue
		}
		p.agree(t, tables, "\x03www\x01x"+name)
		if parent, ok := name.Parent(); ok {
			p.agree(t, tables, parent)
		}
		changed := []byte(name)
		changed[1+rng.IntN(int(name[0]))] = "_a0"[rng.IntN(3)]
		p.agree(t, tables, dnswire.Name(changed))
	}
}

// Names as long and as deep as they come.
func TestLongNames(t *testing.T) {
	p := newPair()
	long := strings.Repeat(strings.Repeat("_", 49)+".", 5) + "zq"
	names := []string{deep(127), long, "com", "zz", "_", strings.Repeat("0", 63), "a.com", "b." + strings.Repeat("-", 63)}
	for i := range 127 {
		names = append(names, strings.Join(strings.Split(deep(127), ".")[i:], "."))
	}
	for line, name := range names {
		p.add(t, name, Rule{Line: uint32(line)})
	}
	tables := p.build(t)
	for _, name := range names {
		p.agree(t, tables, dnswire.MustName(name))
	}
	if got := len(find(tables[0], dnswire.MustName(deep(127)))); got != 127 {
		t.Errorf("%d rules for a name of 127 labels that are all in the table", got)
	}
}

// Thousands of names under one long suffix spread over the buckets, though their
// first 64 bits are the same; so do names that differ in one bit.
func TestSharedSuffix(t *testing.T) {
	for _, format := range []string{
		"x%d.eu-central-1.elasticbeanstalk.compute.amazonaws.com",
		"x%d" + strings.Repeat(".abcdefghijklmnopqrstuvwxyz", 8) + ".com",
		"%d.com",
	} {
		p := newPair()
		const n = 20_000
		for i := range n {
			p.add(t, fmt.Sprintf(format, i), Rule{Line: uint32(i)})
		}
		tables := p.build(t)
		for i := 0; i < 2*n; i += 7 {
			p.agree(t, tables, dnswire.MustName(fmt.Sprintf(format, i)))
		}
		// With 20,000 names in 4096 buckets none holds 40, but with a probability
		// below 1e-15.
		table := tables[0]
		sizes := make([]int, 1<<table.bucketBits)
		for name := range p.oracle.names {
			e := new(longRoom).encoding()
			begin(&e, name)
			encode(table.model, &e, name, maxLabels)
			placer := newPlacer(&table.keys, e.words)
			sizes[placer.place(uint(e.ends[e.labels-1])).bucket(table.bucketBits)]++
		}
		if largest := slices.Max(sizes); largest >= 40 {
			t.Errorf(format+": a bucket holds %d names", 0, largest)
		}
	}
}

// Whatever the hashes do, the table is exact: here all but the top bits of the
// place stay as the name has them, and the rest counts for nothing.
func TestExactWithPoorKeys(t *testing.T) {
	p := newPair()
	p.add(t, "first.example", Rule{})
	p.builder.keys = keys{1: 1, 2: 1}
	p.builder.parts = make([]part, 1)
	p.builder.rules = 0
	p.oracle = newOracle()
	for i := range 300 {
		p.add(t, fmt.Sprintf("x%d.%s.example", i, strings.Repeat("a", i%50+1)), Rule{Kind: uint32(i % 3), Line: uint32(i)})
	}
	tables, err := p.builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		p.agree(t, []*Table{tables}, dnswire.MustName(fmt.Sprintf("x%d.%s.example", i, strings.Repeat("a", i%50+1))))
	}
}

func TestManyRulesOfOneName(t *testing.T) {
	p := newPair()
	for i := range maxRules {
		p.add(t, "ads.example", Rule{Kind: uint32(i), Line: uint32(i) << 22})
		p.add(t, "ads.example", Rule{Kind: uint32(i), Line: 7})
		p.add(t, "other.example", Rule{Kind: uint32(maxRules - i), Line: uint32(i)})
	}
	tables := p.build(t)
	for _, name := range []dnswire.Name{"\x03ads\x07example\x00", "\x01x\x05other\x07example\x00", "\x07example\x00"} {
		p.agree(t, tables, name)
	}

	var b Builder
	for i := range maxRules + 1 {
		if err := b.Add([]byte("\x03ads\x07example\x00"), Rule{Kind: uint32(i), Line: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if table, err := b.Build(); err == nil {
		t.Errorf("a table of %d rules for one name, want an error", table.Rules())
	}
	// The builder is empty then.
	if table, err := b.Build(); err != nil || table.Names() != 0 || len(b.Duplicates()) != 0 {
		t.Errorf("%d names, %v, duplicates %v", table.Names(), err, b.Duplicates())
	}
}

// Hundreds of rules of each of many names: few of them share a bucket.
func TestManyRulesOfManyNames(t *testing.T) {
	p := newPair()
	names := listtest.Names(400)
	for kind := range uint32(600) {
		for line, name := range names {
			p.add(t, name, Rule{Kind: kind, Line: uint32(line)})
		}
	}
	tables := p.build(t)
	for _, name := range names {
		p.agree(t, tables, "\x03www"+dnswire.MustName(name))
	}
}

func TestAddRefuses(t *testing.T) {
	var b Builder
	for _, name := range []string{
		"", "\x00", "\x03com", "\x03com\x00\x00", "\x03com\x00x", "\x04com\x00", "\x03COM\x00", "\x01*\x03com\x00",
		"\x01/\x00", "\x02//\x00", "\x02||\x00", "\x03||^\x00", "\x02@@\x00", "\x01.\x00", "\x01=\x00", "\x04com\x00\x00",
		"\x01\x00\x03com\x00", "\x03\xef\xbb\xbf\x00", "\x02\r\n\x00", "\x40" + strings.Repeat("a", 64) + "\x00",
		"\xc0\x0c", strings.Repeat("\x01a", 127) + "\x01a\x00", strings.Repeat("\x01a", 300),
	} {
		if err := b.Add([]byte(name), Rule{}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if err := b.Add([]byte("\x03com\x00"), Rule{Kind: maxKinds}); err == nil {
		t.Error("a kind too large is taken")
	}
	if table, err := b.Build(); err != nil || table.Names() != 0 {
		t.Errorf("%d names, %v", table.Names(), err)
	}
}

func TestEmptyTables(t *testing.T) {
	var b Builder
	built, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*Table{nil, {}, built} {
		if got := find(table, "\x03com\x00"); got != nil || table.Names() != 0 || table.Rules() != 0 || table.Kinds() != 0 {
			t.Errorf("%v in an empty table", got)
		}
		saved, err := table.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := Read(saved); err != nil || read.Names() != 0 || find(read, "\x03com\x00") != nil {
			t.Errorf("an empty table reads as %v, %v", read, err)
		}
	}
	var m Matches
	if _, r, ok := m.Next(); ok {
		t.Errorf("rule %v in no matches", r)
	}
}

// What is no name finds nothing, and what no table can hold finds the rules of
// the names above it.
func TestFindOddNames(t *testing.T) {
	p := newPair()
	p.add(t, "com", Rule{Line: 1})
	p.add(t, "a.com", Rule{Line: 2})
	tables := p.build(t)
	for _, name := range []dnswire.Name{"", "\x00", "\x03com", "\x04com\x00", "\x04com\x00\x00", "\xc0\x0c", "\x01a\x03com", dnswire.Name(strings.Repeat("\x01a", 300))} {
		if got := find(tables[0], name); got != nil {
			t.Errorf("Find(%q) = %v", name, got)
		}
	}
	for _, name := range []dnswire.Name{"\x01*\x01a\x03com\x00", "\x01\x00\x01a\x03com\x00", "\x03\xe2\x82\xac\x03com\x00", "\x01A\x03com\x00"} {
		p.agree(t, tables, name)
	}
}

// Several goroutines look names up at once; the race detector sees whether one
// writes.
func TestFindAtOnce(t *testing.T) {
	p := newPair()
	names := listtest.Names(500)
	for line, name := range names {
		p.add(t, name, Rule{Line: uint32(line)})
	}
	tables := p.build(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, name := range names {
				m := tables[0].Find(dnswire.MustName("www." + name))
				if _, _, ok := m.Next(); !ok {
					t.Errorf("%s is not found", name)
				}
			}
		})
	}
	group.Wait()
}

func TestFindAllocates(t *testing.T) {
	p := newPair()
	p.add(t, "example.com", Rule{Line: 1})
	p.add(t, deep(100), Rule{Line: 2})
	tables := p.build(t)
	names := []dnswire.Name{dnswire.MustName("a.b.example.com"), dnswire.MustName("miss.example.org"), dnswire.MustName("x." + deep(100))}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			m := tables[0].Find(name)
			for ok := true; ok; {
				_, _, ok = m.Next()
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
