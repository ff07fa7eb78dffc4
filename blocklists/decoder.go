package blocklists

import (
	"encoding/binary"
	"math"
	"net/netip"

	"tundns/dnswire"
)

func appendCount[T any](b []byte, things []T) []byte {
	return binary.AppendUvarint(b, uint64(len(things)))
}

func appendString[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendPrefix appends p as an address and a number of bits, or an empty text
// when it is not valid.
func appendPrefix(b []byte, p netip.Prefix) []byte {
	if !p.IsValid() {
		return appendString(b, "")
	}
	text, _ := p.MarshalBinary() // never fails
	return appendString(b, text)
}

// decoder reads what the append functions wrote. After anything that they cannot
// have written it is bad, and all that it reads is zero and empty, so that no
// loop goes on.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) fail() {
	d.rest, d.bad = nil, true
}

// below reads a number less than limit; it is 0, and d bad, when there is none.
func (d *decoder) below(limit int) int {
	v := d.uint()
	if limit <= 0 || v >= uint64(limit) {
		d.fail()
		return 0
	}
	return int(v)
}

// count reads a number of things that follow. Each takes a byte at least.
func (d *decoder) count() int {
	v := d.uint()
	if v > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// string reads a text of its own memory.
func (d *decoder) string() string {
	n := d.count()
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}

// name reads a name in wire form, or "".
func (d *decoder) name() dnswire.Name {
	s := d.string()
	if s != "" {
		if name, next, err := dnswire.ReadName([]byte(s), 0); err != nil || next != len(s) || string(name) != s {
			d.fail()
			return ""
		}
	}
	return dnswire.Name(s)
}

func (d *decoder) prefix() (p netip.Prefix) {
	s := d.string()
	if s == "" {
		return p
	}
	if err := p.UnmarshalBinary([]byte(s)); err != nil || !p.IsValid() {
		d.fail()
		return netip.Prefix{}
	}
	return p
}
