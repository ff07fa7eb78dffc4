package datapath

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Verdict is what a rule's handler says of a packet.
type Verdict uint8

const (
	// Pass hands the packet to the next rule, and in the end to where it goes
	// without rules.
	Pass Verdict = iota
	// Drop ends the packet's way. It is counted as ByRule.
	Drop
)

// Rule gives packets of one direction, by their destination, to a handler.
type Rule struct {
	// Direction is the side that the packets come from.
	Direction Direction

	// Dst is the prefix that holds the packets' destination address. Fragments
	// match by their address like any packet.
	Dst netip.Prefix

	// Handler is called with each whole IP packet, on the goroutine that
	// carries the packet: it must be fast, must not block, and for FromPeers
	// must allow concurrent calls. The packet is the handler's only during the
	// call; it may change bytes in place, checksums being its own business.
	// Packets to virtual addresses have been validated before; other packets
	// are as the sender made them.
	Handler func(packet []byte) Verdict
}

// AddRule adds a rule behind those there are, at once and while packets flow.
// Rules are asked before a packet to a virtual address is served and before any
// other packet passes; each costs every packet of its direction a comparison.
// The returned function removes the rule; calling it again does nothing. A
// packet already on its way may still meet a rule just removed.
func (f *Filter) AddRule(r Rule) (remove func(), err error) {
	switch {
	case r.Direction >= directions:
		return nil, fmt.Errorf("datapath: rule has the unknown direction %d", r.Direction)
	case !r.Dst.IsValid() || r.Dst.Addr().Is4In6():
		return nil, fmt.Errorf("datapath: rule has no usable destination: %v", r.Dst)
	case r.Handler == nil:
		return nil, errors.New("datapath: rule has no handler")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.checkOpen(); err != nil {
		return nil, err
	}
	own := &r
	t := f.table.Load()
	f.table.Store(newTable(t.addrs, append(slices.Clone(t.rules), own)))
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		t := f.table.Load()
		if i := slices.Index(t.rules, own); i >= 0 {
			f.table.Store(newTable(t.addrs, slices.Delete(slices.Clone(t.rules), i, i+1)))
		}
	}, nil
}
