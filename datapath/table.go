package datapath

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// table decides on each packet. It is immutable: changes build a new one.
type table struct {
	addrs []netip.Addr // the virtual addresses, sorted
	set4  *set4
	set6  *set6
	rules []*Rule // in the order they were added
	match [directions]matchers
}

// matchers are the rules of one direction.
type matchers struct {
	v4 []matcher4
	v6 []matcher6
}

type matcher4 struct {
	net, mask uint32
	handler   func([]byte) Verdict
}

type matcher6 struct {
	net, mask addr6
	handler   func([]byte) Verdict
}

func newTable(addrs []netip.Addr, rules []*Rule) *table {
	t := &table{addrs: addrs, rules: rules}
	var v4 []uint32
	var v6 []addr6
	for _, a := range addrs {
		if a.Is4() {
			v4 = append(v4, word4(a))
		} else {
			v6 = append(v6, word6(a))
		}
	}
	t.set4, t.set6 = newSet4(v4), newSet6(v6)
	for _, r := range rules {
		m := &t.match[r.Direction]
		n := r.Dst.Bits()
		if a := r.Dst.Addr(); a.Is4() {
			mask := ^uint32(0) << (32 - n)
			m.v4 = append(m.v4, matcher4{word4(a) & mask, mask, r.Handler})
		} else {
			mask := addr6{^uint64(0) << (64 - min(n, 64)), ^uint64(0) << (128 - max(n, 64))}
			w := word6(a)
			m.v6 = append(m.v6, matcher6{addr6{w.hi & mask.hi, w.lo & mask.lo}, mask, r.Handler})
		}
	}
	return t
}

// class is where a packet goes before rules are asked.
type class uint8

const (
	foreign class = iota // not ours
	virtual              // to a virtual address
	spoofed              // from a virtual address
)

// Offsets of the addresses in the fixed headers (RFC 791 section 3.1,
// RFC 8200 section 3).
const (
	header4, src4, dst4 = 20, 12, 16
	header6, src6, dst6 = 40, 8, 24
)

// classify reads the addresses straight from the packet's bytes. What is too
// short to have addresses is foreign.
func (t *table) classify(p []byte) class {
	switch {
	case len(p) >= header4 && p[0]>>4 == 4:
		if t.set4.has(binary.BigEndian.Uint32(p[src4:])) {
			return spoofed
		}
		if t.set4.has(binary.BigEndian.Uint32(p[dst4:])) {
			return virtual
		}
	case len(p) >= header6 && p[0]>>4 == 6:
		if t.set6.has(load6(p[src6:])) {
			return spoofed
		}
		if t.set6.has(load6(p[dst6:])) {
			return virtual
		}
	}
	return foreign
}

// isLand reports whether the addresses of a packet that is not foreign are equal.
func isLand(p []byte) bool {
	if p[0]>>4 == 4 {
		return string(p[src4:dst4]) == string(p[dst4:header4])
	}
	return string(p[src6:dst6]) == string(p[dst6:header6])
}

func load6(b []byte) addr6 {
	return addr6{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// judge asks the direction's rules about a packet.
func (t *table) judge(dir Direction, p []byte) Verdict {
	m := &t.match[dir]
	switch {
	case len(p) >= header4 && p[0]>>4 == 4:
		dst := binary.BigEndian.Uint32(p[dst4:])
		for i := range m.v4 {
			if r := &m.v4[i]; dst&r.mask == r.net && r.handler(p) == Drop {
				return Drop
			}
		}
	case len(p) >= header6 && p[0]>>4 == 6:
		dst := load6(p[dst6:])
		for i := range m.v6 {
			if r := &m.v6[i]; dst.hi&r.mask.hi == r.net.hi && dst.lo&r.mask.lo == r.net.lo && r.handler(p) == Drop {
				return Drop
			}
		}
	}
	return Pass
}

func (m *matchers) none() bool { return len(m.v4)|len(m.v6) == 0 }

func (t *table) isVirtual(a netip.Addr) bool {
	if a.Is4() {
		return t.set4.has(word4(a))
	}
	return t.set6.has(word6(a))
}

// Addresses returns the virtual addresses in ascending order. The slice is the
// caller's.
func (f *Filter) Addresses() []netip.Addr { return slices.Clone(f.table.Load().addrs) }

// AddAddress makes a a virtual address, at once and while packets flow. It
// fails if a is one already or cannot be one: virtual addresses are unicast and
// without zone. Services that listen on an unspecified address serve it too.
func (f *Filter) AddAddress(a netip.Addr) error {
	a = a.Unmap()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkOpen(); err != nil {
		return err
	}
	t := f.table.Load()
	switch {
	case !a.IsValid() || a.Zone() != "" || martian(a) || a.IsLinkLocalUnicast():
		return fmt.Errorf("datapath: %v cannot be a virtual address: it must be a unicast address without zone", a)
	case t.isVirtual(a):
		return fmt.Errorf("datapath: %v is a virtual address already", a)
	case a.Is6() && f.mtu.Load() < minMTU6:
		return fmt.Errorf("datapath: %v needs an MTU of %d or more for IPv6, the device has %d", a, minMTU6, f.mtu.Load())
	}
	if err := f.net.addAddress(a); err != nil {
		return fmt.Errorf("datapath: adding %v: %w", a, err)
	}
	addrs := append(slices.Clone(t.addrs), a)
	slices.SortFunc(addrs, netip.Addr.Compare)
	f.table.Store(newTable(addrs, t.rules))
	return nil
}

// RemoveAddress ends a's being a virtual address: packets to it pass from now
// on. Services bound to it stay open, and serve it again if it is added again.
func (f *Filter) RemoveAddress(a netip.Addr) error {
	a = a.Unmap()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkOpen(); err != nil {
		return err
	}
	t := f.table.Load()
	i := slices.Index(t.addrs, a)
	if i < 0 {
		return fmt.Errorf("datapath: %v is not a virtual address", a)
	}
	f.table.Store(newTable(slices.Delete(slices.Clone(t.addrs), i, i+1), t.rules))
	return f.net.removeAddress(a)
}
