package resolver

import (
	"fmt"
	"slices"
	"time"

	"tundns/cache"
	"tundns/dnswire"
)

// scrub takes out of an upstream's reply what q did not ask for: the OPT record
// (hop by hop, RFC 6891 section 6.1.1), records of another class, answer records
// whose owner is not on the CNAME chain that starts at the question, authority
// records from elsewhere, additional records, and DNSSEC records for who does not
// want them (RFC 4035 section 3.2.1). It returns the message and the reply's
// Extended DNS Errors. TTLs are cache.MaxTTL at most, so that the first client
// hears what the next ones hear. An extended rcode is an error: no client without
// EDNS could be given it.
func scrub(q *Query, msg []byte) ([]byte, []dnswire.EDE, error) {
	var errs []dnswire.EDE
	if rr, found, _ := dnswire.FindOPT(msg); found {
		opt := dnswire.ReadOPT(msg, &rr)
		if opt.Rcode != 0 { // what the header says is only the lower half of it
			return nil, nil, fmt.Errorf("an upstream answered with rcode %d", int(opt.Rcode)<<4|dnswire.Rcode(msg))
		}
		errs = dnswire.ReadEDEs(opt.Options)
		errs = errs[:min(len(errs), 4)] // what a cache entry may carry of them
	}
	names := dnswire.Chain(msg, q.Question.Name)
	out, err := dnswire.Rebuild(make([]byte, 0, len(msg)+64), msg, func(rr *dnswire.RR) bool {
		if rr.Class != q.Question.Class || dnssecOnly(rr.Type) && !q.DO && rr.Type != q.Question.Type {
			return false
		}
		switch rr.Section {
		case dnswire.Answer:
			owner, _, err := dnswire.ReadName(msg, rr.Owner)
			if err != nil {
				return false
			}
			if rr.Type == dnswire.TypeDNAME || rr.Type == dnswire.TypeRRSIG { // that of a DNAME, too
				return slices.ContainsFunc(names, func(n dnswire.Name) bool { return n.In(owner) })
			}
			return slices.Contains(names, owner)
		case dnswire.Authority:
			owner, _, err := dnswire.ReadName(msg, rr.Owner)
			if err != nil {
				return false
			}
			return dnssecOnly(rr.Type) || slices.ContainsFunc(names, func(n dnswire.Name) bool { return n.In(owner) })
		}
		return false
	})
	if err != nil {
		return nil, nil, err
	}
	// AA is for our own data alone; TC stays where TCP did not bring the rest.
	dnswire.SetFlags(out, dnswire.FlagQR|dnswire.Flags(out)&(dnswire.FlagTC|dnswire.FlagAD|0xF))
	dnswire.MapTTL(out, func(ttl uint32) uint32 { return min(ttl, uint32(cache.MaxTTL/time.Second)) })
	return out, errs, nil
}

// dnssecOnly reports whether records of typ are there for validators alone.
func dnssecOnly(typ uint16) bool {
	return typ == dnswire.TypeRRSIG || typ == dnswire.TypeNSEC || typ == dnswire.TypeNSEC3
}
