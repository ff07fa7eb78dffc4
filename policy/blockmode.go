package policy

import (
	"fmt"
	"net/netip"
)

// BlockKind is the way a blocked question is answered.
type BlockKind uint8

// The ways to block. Where a kind gives an address, questions for other types
// than A and AAAA, and for the family of which there is no address, get NODATA.
const (
	Null     BlockKind = iota // 0.0.0.0 for A, :: for AAAA
	NXDOMAIN                  // the name does not exist
	NODATA                    // the name has no such records
	Refused                   // REFUSED
	Address                   // BlockMode.Addr
)

// BlockMode is how a client group's blocked questions are answered. It is
// comparable; the zero value is Null.
type BlockMode struct {
	Kind BlockKind
	Addr netip.Addr // for Address only: IPv4 answers A, IPv6 AAAA
}

var blockKindNames = [...]string{"null", "nxdomain", "nodata", "refused"}

// ParseBlockMode reads null, nxdomain, nodata, refused or an IP address.
func ParseBlockMode(s string) (BlockMode, error) {
	for i, name := range blockKindNames {
		if s == name {
			return BlockMode{Kind: BlockKind(i)}, nil
		}
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return BlockMode{}, fmt.Errorf("unknown way to block %q: want null, nxdomain, nodata, refused or an IP address", s)
	}
	return BlockMode{Kind: Address, Addr: addr.Unmap()}, nil
}

// String returns the form that ParseBlockMode reads.
func (m BlockMode) String() string {
	switch {
	case int(m.Kind) < len(blockKindNames):
		return blockKindNames[m.Kind]
	case m.Kind == Address:
		return m.Addr.String()
	}
	return fmt.Sprintf("BlockKind(%d)", uint8(m.Kind))
}

// check reports whether m can be carried out.
func (m BlockMode) check() error {
	switch {
	case m.Kind > Address:
		return fmt.Errorf("unknown way to block %v", m)
	case m.Kind == Address && (!m.Addr.IsValid() || m.Addr.Is4In6() || m.Addr.Zone() != ""):
		return fmt.Errorf("cannot block with the address %v: want a plain IPv4 or IPv6 address", m.Addr)
	case m.Kind != Address && m.Addr.IsValid():
		return fmt.Errorf("blocking with %v takes no address, but %v is given", m, m.Addr)
	}
	return nil
}
