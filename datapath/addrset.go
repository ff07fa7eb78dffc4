package datapath

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// set4 is an immutable set of IPv4 addresses in host byte order. Most lookups
// end at near, which inlines to a load without a branch; the others cost a
// probe or two, whatever the number of addresses: open addressing with linear
// probing, at most half full. 0.0.0.0 marks a free slot and is never a member.
type set4 struct {
	near  [256]bool // by the top 8 bits of a member's hash
	slots []uint32  // a power of two; home is the hash's top bits
	shift uint      // 32 - log2(len(slots))
}

// hash4 is Fibonacci hashing: the factor is 2^32 divided by the golden ratio.
func hash4(a uint32) uint32 { return a * 0x9e3779b9 }

func newSet4(addrs []uint32) *set4 {
	n, shift := tableSize(len(addrs), 32)
	s := &set4{slots: make([]uint32, n), shift: shift}
	for _, a := range addrs {
		s.near[hash4(a)>>24] = true
		i := int(hash4(a) >> shift)
		for s.slots[i] != 0 {
			i = (i + 1) & (n - 1)
		}
		s.slots[i] = a
	}
	return s
}

func (s *set4) has(a uint32) bool { return s.near[hash4(a)>>24] && s.probe(a) }

func (s *set4) probe(a uint32) bool {
	for i := int(hash4(a) >> s.shift); ; i++ {
		v := s.slots[i&(len(s.slots)-1)]
		if v == 0 {
			return false
		}
		if v == a {
			return true
		}
	}
}

// addr6 is an IPv6 address as two big-endian words.
type addr6 struct{ hi, lo uint64 }

// set6 is set4 for IPv6; :: marks a free slot.
type set6 struct {
	near  [256]bool
	slots []addr6
	shift uint
}

func hash6(a addr6) uint64 {
	return (a.hi ^ bits.RotateLeft64(a.lo, 32)) * 0x9e3779b97f4a7c15
}

func newSet6(addrs []addr6) *set6 {
	n, shift := tableSize(len(addrs), 64)
	s := &set6{slots: make([]addr6, n), shift: shift}
	for _, a := range addrs {
		s.near[hash6(a)>>56] = true
		i := int(hash6(a) >> shift)
		for s.slots[i] != (addr6{}) {
			i = (i + 1) & (n - 1)
		}
		s.slots[i] = a
	}
	return s
}

func (s *set6) has(a addr6) bool { return s.near[hash6(a)>>56] && s.probe(a) }

func (s *set6) probe(a addr6) bool {
	for i := int(hash6(a) >> s.shift); ; i++ {
		v := s.slots[i&(len(s.slots)-1)]
		if v == (addr6{}) {
			return false
		}
		if v == a {
			return true
		}
	}
}

// tableSize returns a power of two of at least 2n slots, and the shift that
// maps a hash of width bits onto it.
func tableSize(n int, width uint) (slots int, shift uint) {
	log := uint(bits.Len(uint(n*2) | 1))
	return 1 << log, width - log
}

func word4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func word6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
