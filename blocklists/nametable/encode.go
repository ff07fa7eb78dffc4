package nametable

import (
	"slices"

	"tundns/blocklists/nametable/prefixcode"
	"tundns/dnswire"
)

const (
	// maxLabels is more than any name has: 255 bytes, two at least for a label.
	maxLabels = 128

	// maxWords is how many words the bits of a name take: less than 12 for each of
	// its 255 bytes and 12 for the escape.
	maxWords = (256*prefixLimit + 63) / 64

	// prefixLimit is the longest code in bits.
	prefixLimit = prefixcode.MaxLen
)

// encoding is a name and all names above it in bits. A name is written from the
// top-level domain on: its code, or the escape, its symbols and a dot if more
// labels follow; then the symbols of these with dots between them. So the bits of
// a name begin those of the names under it. Different names differ in their bits
// or in the number of them: there is no other end.
//
// The name of the last i+1 labels takes the first ends[i] bits, and starts at
// starts[i] in the wire form. The bits fill words from the lowest of the first
// one on. What is behind the last end is of no meaning.
type encoding struct {
	words  []uint64
	ends   []uint16
	starts []uint8

	labels  int // of the name, 0 if it is none
	written int // labels
	at      tail
	two     uint16 // the last two symbols
	top     bool   // whether the top-level domain has a code
}

// shortRoom and longRoom are the memory of an encoding: of a name of at most
// shortName bytes, and of any name. Go clears such memory with every call, and
// with much of it that would cost as much as encoding a name of usual length.
type (
	shortRoom struct {
		words  [(shortName*prefixLimit + 63) / 64]uint64
		ends   [shortName / 2]uint16
		starts [shortName / 2]uint8
	}
	longRoom struct {
		words  [maxWords]uint64
		ends   [maxLabels]uint16
		starts [maxLabels]uint8
	}
)

const shortName = 64

func (r *shortRoom) encoding() encoding {
	return encoding{words: r.words[:], ends: r.ends[:], starts: r.starts[:]}
}

func (r *longRoom) encoding() encoding {
	return encoding{words: r.words[:], ends: r.ends[:], starts: r.starts[:]}
}

// begin makes e ready for the labels of name, in wire form, whatever it held. It
// must have room for the name.
func begin[T ~string | ~[]byte](e *encoding, name T) {
	e.labels = labelStarts(e.starts, name)
	slices.Reverse(e.starts[:e.labels])
	e.written, e.at = 0, tail{}
}

// encode writes labels of the name that begin was called with, until so many are
// written, or all, or the next one has a byte that no name in a table has: then
// that is the last one.
func encode[T ~string | ~[]byte](m *model, e *encoding, name T, until int) {
	for until = min(until, e.labels); e.written < until; e.written++ {
		start := int(e.starts[e.written])
		label := name[start+1 : start+1+int(name[start])]
		if e.written == 0 {
			var lead code
			lead, e.two, e.top = m.lead(packTop(label))
			e.at = e.at.put(e.words, lead)
			if e.top {
				label = label[len(label):]
			}
		} else {
			if e.written > 1 || !e.top { // the code of a top-level domain has the dot in it
				e.at = e.at.put(e.words, m.codes[codeAt(e.two, dot)])
			}
			e.two = twoOf(e.two%symbols, dot)
		}
		if !spell(m, e, label) {
			e.labels = e.written
			return
		}
		e.words[e.at.full] = e.at.word
		e.ends[e.written] = uint16(e.at.full*64 + e.at.n)
	}
}

// spell appends the symbols of a label and reports whether its bytes are all
// symbols.
func spell[T ~string | ~[]byte](m *model, e *encoding, label T) bool {
	symbol, codes := &m.symbol, &m.codes
	at, two := e.at, e.two
	last := two % symbols
	for {
		// Where no code can go over the end of the word, there is less to do.
		i := 0
		for i < len(label) && at.n < 64-prefixLimit {
			s := uint16(symbol[label[i]])
			if s == none {
				return false
			}
			c := codes[codeAt(two, s)]
			at.word |= c.bits() << (at.n & 63)
			at.n += c.length()
			two, last = twoOf(last, s), s
			i++
		}
		if label = label[i:]; len(label) == 0 {
			e.at, e.two = at, two
			return true
		}
		s := uint16(symbol[label[0]])
		if s == none {
			return false
		}
		at = at.put(e.words, codes[codeAt(two, s)])
		two, last = twoOf(last, s), s
		label = label[1:]
	}
}

// tail is the end of a sequence of words that is being written.
type tail struct {
	word uint64 // the bits of the last word
	n    uint   // how many they are, below 64
	full uint   // how many words are before it
}

// put appends a code. It is written for speed: masked shifts take one
// instruction.
func (t tail) put(words []uint64, c code) tail {
	t.word |= c.bits() << (t.n & 63)
	t.n += c.length()
	if t.n >= 64 {
		words[t.full] = t.word
		t.full++
		t.n -= 64
		t.word = c.bits() >> ((c.length() - t.n) & 63)
	}
	return t
}

// labelStarts puts the offsets of the labels of a name in wire form into starts
// and returns their number, the root not counted: 0 for the root and for what is
// not a name.
func labelStarts[T ~string | ~[]byte](starts []uint8, name T) (n int) {
	if len(name) > dnswire.MaxName {
		return 0
	}
	for i := 0; i < len(name); i += 1 + int(name[i]) {
		if name[i] == 0 {
			if i != len(name)-1 {
				return 0
			}
			return n
		}
		if name[i] > dnswire.MaxLabel || n == len(starts) {
			return 0
		}
		starts[n] = uint8(i)
		n++
	}
	return 0
}
