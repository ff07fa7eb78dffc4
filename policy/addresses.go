package policy

import (
	"encoding/binary"
	"net/netip"

	"tundns/dnswire"
)

// The keys of addresses among the parameters of SVCB and HTTPS records (RFC 9460
// section 14.3.2).
const (
	keyIPv4Hint = 4
	keyIPv6Hint = 6
)

// addresses walks the addresses in a record: the one of A and AAAA records, the
// hints of SVCB and HTTPS records. It ends where a record cannot be read.
type addresses struct {
	rest []byte // parameters that follow
	hint []byte // addresses of the present parameter
	size int    // of one of them, in bytes
}

func addressesOf(msg []byte, rr *dnswire.RR) addresses {
	data := msg[rr.Data:rr.End]
	switch rr.Type {
	case dnswire.TypeA:
		if len(data) == 4 {
			return addresses{hint: data, size: 4}
		}
	case dnswire.TypeAAAA:
		if len(data) == 16 {
			return addresses{hint: data, size: 16}
		}
	case dnswire.TypeSVCB, dnswire.TypeHTTPS:
		if len(data) < 2 {
			break
		}
		if end, err := dnswire.SkipName(msg[:rr.End], rr.Data+2); err == nil { // behind the priority
			return addresses{rest: msg[end:rr.End]}
		}
	}
	return addresses{}
}

// next returns the next address.
func (a *addresses) next() (netip.Addr, bool) {
	for len(a.hint) < a.size || a.size == 0 {
		if len(a.rest) < 4 {
			return netip.Addr{}, false
		}
		key, n := binary.BigEndian.Uint16(a.rest), int(binary.BigEndian.Uint16(a.rest[2:]))
		if n > len(a.rest)-4 {
			return netip.Addr{}, false
		}
		value := a.rest[4 : 4+n]
		a.rest = a.rest[4+n:]
		switch key {
		case keyIPv4Hint:
			a.hint, a.size = value, 4
		case keyIPv6Hint:
			a.hint, a.size = value, 16
		}
	}
	addr, _ := netip.AddrFromSlice(a.hint[:a.size])
	a.hint = a.hint[a.size:]
	return addr, true
}

// firstAddr returns the first address in the answer section of msg that is
// wanted, or the zero Addr.
func firstAddr(msg []byte, wanted func(netip.Addr) bool) netip.Addr {
	for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
		for a := addressesOf(msg, &it.RR); ; {
			addr, ok := a.next()
			if !ok {
				break
			}
			if wanted(addr) {
				return addr
			}
		}
	}
	return netip.Addr{}
}
