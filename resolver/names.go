package resolver

import (
	"context"
	"net/netip"

	"tundns/dnswire"
	"tundns/localnames"
)

// names answers the names that are the user's own and those that no public server
// is to be asked for.
func names(next Handler) Handler {
	return HandlerFunc(func(ctx context.Context, q *Query) (*Answer, error) {
		if found := q.state.own(q.Question.Name, q.Question.Type, q.Client.Addr()); found != nil {
			return found.answer(q), nil
		}
		return next.Resolve(ctx, q)
	})
}

// own is what is known here about a name: never that it is absent. The zone is the
// one that says so; it is empty when records of the user's say it.
type own struct {
	localnames.Result
	zone localnames.Zone
}

// own returns what is known here about a name that client asks for; nil when the
// question is to be asked elsewhere, which costs no allocation.
func (s *State) own(name dnswire.Name, typ uint16, client netip.Addr) *own {
	if s.Names != nil {
		if found := s.Names.Lookup(name, typ); found.Status == localnames.Answer || found.Status == localnames.NoData {
			return &own{Result: found}
		}
	}
	zone, stays := s.stays(name, client)
	if !stays {
		return nil
	}
	found := zone.Lookup(s.Names, name, typ)
	switch found.Status {
	case localnames.Absent, localnames.Empty: // the zone above has it
		return nil
	case localnames.NXDomain:
		if s.Policy != nil && (name.In(whyZone) || whyZone.In(name)) {
			// Below each of these there is a why.NAME, which NXDOMAIN would deny as
			// well (RFC 8020).
			found.Status = localnames.NoData
		}
	}
	return &own{found, zone}
}

// stays returns the zone of a name that no upstream is to hear of: a special-use
// name, unless it is routed to an upstream group, or a canary, for client groups
// that filter.
func (s *State) stays(name dnswire.Name, client netip.Addr) (localnames.Zone, bool) {
	if zone, special := localnames.SpecialUse(name); special {
		// A route for the root is but another default.
		if r := s.Routes.Find(name); r == nil || r.Domain == dnswire.Root {
			return zone, true
		}
	}
	if s.Policy == nil {
		return localnames.Zone{}, false
	}
	zone, canary := localnames.Canary(name)
	if !canary || !s.Policy.Client(client).Group.Canaries() {
		return localnames.Zone{}, false
	}
	// Who routes com or arpa has no canary in mind; who routes the canary does.
	if r := s.Routes.Find(name); r != nil && r.Domain.In(zone.Name) {
		return localnames.Zone{}, false
	}
	return zone, true
}

// answer returns the answer with what was found. It is authoritative.
func (found *own) answer(q *Query) *Answer {
	rcode := dnswire.RcodeSuccess
	if found.Status == localnames.NXDomain {
		rcode = dnswire.RcodeNameError
	}
	a := reply(q, Local, rcode)
	dnswire.SetFlags(a.Message, dnswire.Flags(a.Message)|dnswire.FlagAA)
	for i := range found.Records {
		a.Message = appendRecord(a.Message, &found.Records[i])
	}
	dnswire.SetCount(a.Message, dnswire.Answer, len(found.Records))
	if found.Status != localnames.Answer {
		a.Message = appendRecord(a.Message, &found.SOA)
		dnswire.SetCount(a.Message, dnswire.Authority, 1)
		if found.zone.Name != "" {
			a.Errors = []dnswire.EDE{{Text: stayed(found.zone)}}
		}
	}
	a.goesOn = found.Continue
	return a
}

// stayed says why nobody was asked for a name in zone.
func stayed(zone localnames.Zone) string { return zone.String() + " stays here" }

func appendRecord(msg []byte, r *localnames.Record) []byte {
	return dnswire.AppendRR(msg, r.Owner, r.Type, dnswire.ClassIN, r.TTL, r.Data)
}
