package nametable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// sample returns a table of all that the saved form has: long names, many rules,
// kinds without a code.
func sample(t testing.TB, names int) *Table {
	t.Helper()
	p := newPair()
	for line, name := range listtest.Names(names) {
		p.add(t, name, Rule{Kind: uint32(line % 5), Line: uint32(line)})
	}
	for kind := range uint32(300) {
		p.add(t, "many.example", Rule{Kind: kind, Line: kind})
	}
	p.add(t, deep(127), Rule{Kind: 2, Line: 1})
	return p.build(t)[0]
}

func TestWriteTo(t *testing.T) {
	for _, table := range []*Table{nil, {}, sample(t, 3000)} {
		want, err := table.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		n, err := table.WriteTo(&b)
		if err != nil || n != int64(b.Len()) || "before"+b.String() != string(want) {
			t.Errorf("%d bytes of %d written, want %d, %v", n, b.Len(), len(want)-len("before"), err)
		}
		full := errors.New("full")
		for _, room := range []int{0, 10, b.Len() / 2, b.Len() - 1} {
			if n, err := table.WriteTo(&writerWithRoom{room: room, err: full}); err != full || n > int64(room) {
				t.Errorf("room for %d bytes: %d written, %v", room, n, err)
			}
		}
	}
}

// writerWithRoom takes room bytes.
type writerWithRoom struct {
	room int
	err  error
}

func (w *writerWithRoom) Write(b []byte) (int, error) {
	n := min(len(b), w.room)
	w.room -= n
	if n < len(b) {
		return n, w.err
	}
	return n, nil
}

func TestReadRefuses(t *testing.T) {
	good, err := sample(t, 100).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, with ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], with)
		return b
	}
	numbers := len(magic) + 8 + keyBytes
	for _, test := range []struct {
		what string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrDamaged},
		{"one byte", []byte{0}, ErrDamaged},
		{"a page of HTML", bytes.Repeat([]byte("<html>"), 100), ErrDamaged},
		{"the header alone", good[:headerBytes], ErrDamaged},
		{"one byte less", good[:len(good)-1], ErrDamaged},
		{"one byte more", append(bytes.Clone(good), 0), ErrDamaged},
		{"another version", changed(len(magic)-1, 0xFF), ErrVersion},
		{"another model", changed(len(magic), ^good[len(magic)]), ErrVersion},
		{"too many names", changed(numbers+4, 1), ErrDamaged},
		{"too many rules", changed(numbers+12, 1), ErrDamaged},
		{"too many buckets", changed(numbers+24, 25), ErrDamaged},
		{"too many kinds with a code", changed(numbers+28, 0xFF, 0xFF, 0xFF, 0xFF), ErrDamaged},
		{"no kinds with a code", changed(numbers+28, 0, 0, 0, 0), ErrDamaged},
		{"a code too long", changed(headerBytes+5, 13), ErrDamaged},
		{"two codes of no bits left", changed(headerBytes+5, 1, 1), ErrDamaged},
		{"a kind out of range", changed(headerBytes, 0xFF, 0xFF, 0xFF, 0x0F), ErrDamaged},
		{"a line too wide", changed(headerBytes+4, 33), ErrDamaged},
	} {
		if table, err := Read(test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v, want %v", test.what, table, err, test.want)
		}
	}
}

// In damaged bytes Find finds wrong rules or none, and comes to an end.
func TestDamagedTables(t *testing.T) {
	good, err := sample(t, 500).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 5))
	read := 0
	for range 5000 {
		b := bytes.Clone(good)
		from := len(magic) + 8 // else Read always notices
		if rng.IntN(4) > 0 {
			from = headerBytes + 6*directBytes
		}
		for range 1 + rng.IntN(20) {
			b[from+rng.IntN(len(b)-from)] = byte(rng.Uint32())
		}
		table, err := Read(b)
		if err != nil {
			continue
		}
		read++
		findAll(t, table)
	}
	if read < 1000 {
		t.Errorf("only %d of 5000 damaged tables are read", read)
	}
}

var probes = append(listtest.Names(50), "many.example", "x.many.example", deep(127), "com")

// findAll looks names up in a table that may be damaged.
func findAll(t testing.TB, table *Table) {
	t.Helper()
	for _, name := range probes {
		m := table.Find(dnswire.MustName(name))
		start, r, ok := m.Next()
		for count := 0; ok; count++ {
			// Every rule takes a bit, and a name starts in one place of one page.
			if int(r.Kind) >= table.Kinds() || start >= len(name) || count > 128*8*pageSize {
				t.Fatalf("Find(%s) finds %v at %d after %d rules", name, r, start, count)
			}
			start, r, ok = m.Next()
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, table := range []*Table{nil, sample(f, 1), sample(f, 100)} {
		b, err := table.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[len(magic)+8:])
		f.Add(b[len(magic)+8 : len(b)/2+len(magic)])
	}
	model := loadModel().sum
	f.Fuzz(func(t *testing.T, b []byte) {
		// Who changes the bytes shall not have to find these out.
		b = append(binary.LittleEndian.AppendUint64([]byte(magic), model), b...)
		if table, err := Read(b); err == nil {
			findAll(t, table)
		}
	})
}
