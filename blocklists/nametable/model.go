package nametable

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"sync"

	"tundns/blocklists/nametable/prefixcode"
)

//go:generate go run ./mkmodel -o model.bin $TUNDNS_LISTS

// modelFile is described in mkmodel.
//
//go:embed model.bin
var modelFile []byte

const (
	symbols = 39 // a to z, 0 to 9, hyphen, underscore, and the end of a label
	dot     = symbols - 1
	none    = 0xFF // not a symbol

	maxTop   = 7 // the longest label that has a code as a top-level domain
	notTop   = 1<<64 - 1
	topSlots = 512 // twice the most that mkmodel makes
)

// model is a prefix code for the symbols of a name and for its top-level domain.
// It says how a name is written in bits, and is part of what the bits mean: a
// table is of use only together with its model.
type model struct {
	sum    uint64 // identifies the model
	symbol [256]uint8
	codes  [1 << 16]code // by codeAt; so many that every uint16 is within them
	escape code          // before a top-level domain without a code
	tops   [topSlots]top
}

// codeAt is the place of the code of a symbol that follows two. The two are
// twoOf(before, last).
func codeAt(two, symbol uint16) uint16 { return two*symbols + symbol }
func twoOf(before, last uint16) uint16 { return before*symbols + last }

// code is a code of at most 12 bits, its length above it.
type code uint16

func newCode(bits uint16, length uint8) code { return code(uint16(length)<<12 | bits) }
func (c code) bits() uint64                  { return uint64(c) & 0xFFF }
func (c code) length() uint                  { return uint(c) >> 12 }

// top is a top-level domain with a code, in a hash table by its label.
type top struct {
	label uint64 // see packTop; 0 is a free slot
	code  code
	two   uint16 // its last two symbols
}

var loadModel = sync.OnceValue(func() *model { return parseModel(modelFile) })

// parseModel panics on a file that mkmodel did not make.
func parseModel(file []byte) *model {
	sum := sha256.Sum256(file)
	m := &model{sum: binary.LittleEndian.Uint64(sum[:])}
	for i := range m.symbol {
		m.symbol[i] = none
	}
	for i, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_") {
		m.symbol[c] = uint8(i)
	}

	const all = symbols * symbols * symbols
	lengths := make([]uint8, all+1)
	for i := range len(lengths) / 2 {
		lengths[2*i], lengths[2*i+1] = file[i]&0xF, file[i]>>4
	}
	for at := 0; at < all; at += symbols {
		setCodes(m.codes[at:at+symbols], lengths[at:at+symbols])
	}

	rest := file[len(lengths)/2:]
	lengths = []uint8{rest[0]}
	var labels []uint64
	for rest = rest[1:]; len(rest) > 0; {
		n := int(rest[0])
		labels = append(labels, packTop(rest[1:1+n]))
		lengths = append(lengths, rest[1+n])
		rest = rest[2+n:]
	}
	codes := make([]code, len(lengths))
	setCodes(codes, lengths)
	m.escape = codes[0]
	for i, label := range labels {
		slot := topSlot(label)
		for m.tops[slot].label != 0 {
			slot = (slot + 1) % topSlots
		}
		m.tops[slot] = top{label: label, code: codes[1+i], two: m.lastTwo(label)}
	}
	return m
}

func setCodes(codes []code, lengths []uint8) {
	canonical, err := prefixcode.Codes(lengths)
	if err != nil {
		panic("nametable: model.bin: " + err.Error())
	}
	for i, c := range canonical {
		codes[i] = newCode(c, lengths[i])
	}
}

// packTop returns a label of at most maxTop bytes as a number above 0, no two
// labels as the same one: its bytes, the first one lowest, and its length on top.
// Longer labels give notTop.
func packTop[T ~string | ~[]byte](label T) uint64 {
	if len(label) > maxTop {
		return notTop
	}
	packed := uint64(len(label)) << 56
	for i := 0; i < len(label); i++ {
		packed |= uint64(label[i]) << (8 * i & 63)
	}
	return packed
}

func topSlot(label uint64) uint {
	return uint(label * 0x9E3779B97F4A7C15 >> (64 - 9)) // 2^64 / golden ratio; 9 bits are topSlots
}

// lead returns what comes first in the bits of a name with the given top-level
// domain: if ok the code for all of it, and its last two symbols, else the escape.
func (m *model) lead(label uint64) (c code, two uint16, ok bool) {
	for slot := topSlot(label); ; slot++ {
		switch t := &m.tops[slot%topSlots]; t.label {
		case label:
			return t.code, t.two, true
		case 0:
			return m.escape, twoOf(dot, dot), false
		}
	}
}

// lastTwo returns the last two symbols of a packed label.
func (m *model) lastTwo(label uint64) uint16 {
	before, last := uint16(dot), uint16(dot)
	for range label >> 56 {
		before, last = last, uint16(m.symbol[byte(label)])
		label >>= 8
	}
	return twoOf(before, last)
}
