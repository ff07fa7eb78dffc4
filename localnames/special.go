package localnames

import (
	"encoding/binary"

	"tundns/dnswire"
)

// Kind says how a special-use zone is answered.
type Kind uint8

const (
	// Denied zones have no names at all, the zone's own included.
	Denied Kind = iota
	// Served zones are empty but for the SOA and NS records of the zone itself
	// and the PTR record of the loopback address (RFC 6303 section 3).
	Served
	// Loopback names have the loopback addresses, and no other record.
	Loopback
	// Void names are there and have no records.
	Void
)

// Zone is a domain that is answered here and never asked for elsewhere.
type Zone struct {
	Name   dnswire.Name
	Source string // what says so, for people: "RFC 6303"
	Kind   Kind
	TTL    uint32 // seconds, of the zone's records and of its negative answers
}

// String returns the zone's name and what says so: "home.arpa (RFC 8375)".
func (z Zone) String() string { return z.Name.Text() + " (" + z.Source + ")" }

const (
	// servedTTL is the TTL of RFC 6303 section 3.
	servedTTL = 10800
	// deniedTTL is for zones in which people have names of their own, which shall
	// be found soon after they have been added.
	deniedTTL = 300
	// canaryTTL is that of blocked names: whether a canary is answered follows
	// from the policy, which may be paused or changed at any time.
	canaryTTL = 10
)

var (
	loopback4 = dnswire.MustName("1.0.0.127.in-addr.arpa")
	loopback6 = dnswire.MustName("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa")
	localhost = dnswire.MustName("localhost")
	nobody    = dnswire.MustName("nobody.invalid")
)

// Lookup answers a question for a name in the zone. The local names come first;
// they may be nil. The result is Absent only for the DS record of a served zone:
// it belongs to the zone above, whose signature says that there is none, without
// which validating clients would take our unsigned answers for forged (RFC 4035
// section 3.1.4.1).
func (z Zone) Lookup(n *Names, name dnswire.Name, typ uint16) Result {
	local := n.Lookup(name, typ)
	if local.Status == Answer || local.Status == NoData {
		return local
	}
	if typ == dnswire.TypeDS && z.Kind == Served && name == z.Name {
		return local
	}
	if records := z.records(name, typ); len(records) > 0 {
		return Result{Status: Answer, Records: records}
	}
	r := Result{Status: NXDomain, SOA: soa(z.Name, z.TTL)}
	if local.Status == Empty || z.has(name) {
		r.Status = NoData
	}
	return r
}

// has reports whether name is there in the zone or, an empty non-terminal, has
// names below it.
func (z Zone) has(name dnswire.Name) bool {
	switch z.Kind {
	case Loopback, Void:
		return true
	case Served:
		return name == z.Name || loopback4.In(name)
	}
	return false
}

// records returns the zone's own records.
func (z Zone) records(name dnswire.Name, typ uint16) []Record {
	var all []Record
	add := func(typ uint16, data []byte) {
		all = append(all, Record{Owner: name, Type: typ, TTL: z.TTL, Data: data})
	}
	switch z.Kind {
	case Loopback:
		add(dnswire.TypeA, []byte{127, 0, 0, 1})
		add(dnswire.TypeAAAA, []byte{15: 1})
	case Served:
		if name == loopback4 || name == loopback6 {
			add(dnswire.TypePTR, []byte(localhost))
		}
		if name == z.Name {
			add(dnswire.TypeSOA, soa(z.Name, z.TTL).Data)
			add(dnswire.TypeNS, []byte(z.Name))
		}
	}
	return (&node{records: all}).ofType(typ)
}

// soa returns the SOA record of RFC 6303 section 3 for a zone, with the TTL and
// MINIMUM ttl.
func soa(zone dnswire.Name, ttl uint32) Record {
	data := make([]byte, 0, len(zone)+len(nobody)+5*4)
	data = append(append(data, zone...), nobody...)
	for _, v := range [...]uint32{1, 3600, 1200, 604800, ttl} { // serial, refresh, retry, expire, minimum
		data = binary.BigEndian.AppendUint32(data, v)
	}
	return Record{Owner: zone, Type: dnswire.TypeSOA, TTL: ttl, Data: data}
}

// SpecialUse returns the special-use zone that name is in. Names that the user
// routes to an upstream group are the resolver's to tell first. It allocates
// nothing.
func SpecialUse(name dnswire.Name) (Zone, bool) {
	var starts [maxSpecial]uint8 // of the last labels, in a ring
	labels := 0
	for i := 0; i < len(name) && name[i] != 0; i += 1 + int(name[i]) {
		starts[labels%maxSpecial] = uint8(i)
		labels++
	}
	if labels == 0 {
		return Zone{}, false
	}
	top := name[starts[(labels-1)%maxSpecial]:]
	if top != arpa {
		z := topZone(top)
		return z, z.Name != ""
	}
	for _, n := range arpaDepths {
		if n > labels {
			break
		}
		if z, ok := arpaZones[name[starts[(labels-n)%maxSpecial]:]]; ok {
			return z, true
		}
	}
	return Zone{}, false
}

// topZone returns the zone of a special top-level domain, or the zero value.
func topZone(top dnswire.Name) Zone {
	switch top {
	case "\x09localhost\x00":
		return Zone{top, "RFC 6761", Loopback, servedTTL}
	case "\x04test\x00", "\x07invalid\x00":
		return Zone{top, "RFC 6761", Denied, deniedTTL}
	case "\x05local\x00":
		return Zone{top, "RFC 6762", Denied, deniedTTL}
	case "\x05onion\x00":
		return Zone{top, "RFC 7686", Denied, deniedTTL}
	case "\x08internal\x00":
		return Zone{top, "reserved by ICANN for private use", Denied, deniedTTL}
	}
	return Zone{}
}
