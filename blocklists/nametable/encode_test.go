package nametable

import (
	"slices"
	"strings"
	"testing"

	"tundns/blocklists/listtest"
	"tundns/dnswire"
)

// decode returns the name that is written in the first n bits of words, the
// number of them and ok only if there are no bits left over.
func decode(m *model, words []uint64, n uint) (name string, ok bool) {
	at := uint(0)
	next := func(candidates func(yield func(c code, symbol string) bool)) (string, bool) {
		for c, symbol := range candidates {
			if k := c.length(); k > 0 && at+k <= n && bitsAt(words, at, k) == c.bits() {
				at += k
				return symbol, true
			}
		}
		return "", false
	}
	top, ok := next(func(yield func(code, string) bool) {
		if !yield(m.escape, "") {
			return
		}
		for _, t := range m.tops {
			if t.label != 0 && !yield(t.code, unpackTop(t.label)) {
				return
			}
		}
	})
	if !ok {
		return "", false
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	before, last := uint16(dot), uint16(dot)
	if len(top) > 1 {
		before = uint16(m.symbol[top[len(top)-2]])
	}
	text := top
	if top != "" {
		last = uint16(m.symbol[top[len(top)-1]])
		if at == n {
			return top, true
		}
		text += "."
		before, last = last, dot
	}
	for at < n {
		s, ok := next(func(yield func(code, string) bool) {
			for s := range uint16(symbols) {
				if !yield(m.codes[codeAt(twoOf(before, last), s)], alphabet[s:s+1]) {
					return
				}
			}
		})
		if !ok {
			return "", false
		}
		text += s
		before, last = last, uint16(strings.Index(alphabet, s))
	}
	labels := strings.Split(text, ".")
	slices.Reverse(labels)
	return strings.Join(labels, "."), true
}

func unpackTop(label uint64) string {
	var b []byte
	for range label >> 56 {
		b = append(b, byte(label))
		label >>= 8
	}
	return string(b)
}

// bitsAt returns k bits of words from at on, bit by bit.
func bitsAt(words []uint64, at, k uint) (v uint64) {
	for i := range k {
		v |= words[(at+i)/64] >> ((at + i) % 64) & 1 << i
	}
	return v
}

func encodeAll(t testing.TB, name dnswire.Name) encoding {
	e := new(longRoom).encoding()
	begin(&e, name)
	encode(loadModel(), &e, name, maxLabels)
	return e
}

// roundTrip decodes the bits of name and of every name above it.
func roundTrip(t testing.TB, name dnswire.Name) {
	t.Helper()
	e := encodeAll(t, name)
	if e.written != name.Labels() {
		t.Fatalf("%d labels of %v are encoded", e.written, name)
	}
	for i := range e.written {
		want := name[e.starts[i]:].Text()
		if want != strings.Join(strings.Split(name.Text(), ".")[e.written-1-i:], ".") {
			t.Fatalf("label %d of %v starts at %d", i, name, e.starts[i])
		}
		if got, ok := decode(loadModel(), e.words, uint(e.ends[i])); !ok || got != want {
			t.Fatalf("%v: %d bits say %q, want %q", name, e.ends[i], got, want)
		}
	}
}

func TestEncodingSaysTheName(t *testing.T) {
	names := []string{"com", "a.com", "x", "xn--bcher-kva", deep(127), strings.Repeat("0", 63) + ".de", "a.b-b._c.museum", "in-addr.arpa",
		strings.TrimSuffix(strings.Repeat(strings.Repeat("_", 61)+".", 4), "."), "abcdefg.abcdefgh", "a.abcdefghi"}
	for _, name := range append(names, listtest.Names(3000)...) {
		roundTrip(t, dnswire.MustName(name))
	}
}

// Encoding a name in two goes gives the same as in one.
func TestEncodeInParts(t *testing.T) {
	for _, name := range append(listtest.Names(300), deep(127)) {
		wire := dnswire.MustName(name)
		whole := encodeAll(t, wire)
		parts := new(longRoom).encoding()
		begin(&parts, wire)
		for until := range wire.Labels() + 2 {
			encode(loadModel(), &parts, wire, until)
		}
		if parts.written != whole.written || !slices.Equal(parts.ends, whole.ends) || !slices.Equal(parts.words, whole.words) {
			t.Fatalf("%s: %v, want %v", name, parts, whole)
		}
	}
}

// Any two names differ in their bits or the number of them, and what is no name
// of a table's alphabet is encoded as far as it is one.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x03com\x00", "\x01a\x03com\x00", "\x02//\x00", "\x02||\x00", "\x02@@\x00", "\x01=\x00",
		"\x01*\x03com\x00", "\x04xn--\x00", "\x03COM\x00", "\x04com\x00\x00", "\x01.\x03com\x00", "\xef\xbb\xbf", "\x02\r\n\x00", "\xff\xfea\x00",
		"\x40" + strings.Repeat("a", 64) + "\x00", strings.Repeat("\x3f"+strings.Repeat("z", 63), 3) + "\x00", strings.Repeat("\x01-", 127) + "\x00"} {
		f.Add(seed, "\x03com\x00")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := encodeAll(t, dnswire.Name(a)), encodeAll(t, dnswire.Name(b))
		for i := range x.labels {
			for j := range y.labels {
				if x.ends[i] != y.ends[j] || a[x.starts[i]:] == b[y.starts[j]:] {
					continue
				}
				n := uint(x.ends[i])
				same := true
				for at := uint(0); at < n && same; at += min(64, n-at) {
					same = bitsAt(x.words, at, min(64, n-at)) == bitsAt(y.words, at, min(64, n-at))
				}
				if same {
					t.Fatalf("%q and %q are the same %d bits", a[x.starts[i]:], b[y.starts[j]:], n)
				}
			}
		}
		if x.labels > 0 {
			roundTrip(t, dnswire.Name(a[x.starts[x.labels-1]:]))
		}
	})
}
