package policy

import (
	"net/netip"

	"tundns/blocklists"
	"tundns/dnswire"
)

// maxChain bounds how far a chain of CNAMEs is followed. Resolvers give up at
// about this length.
const maxChain = 16

// Answer returns the verdict on a well-formed answer of an upstream to q, in wire
// form: on the names that the CNAME, DNAME, SVCB and HTTPS records of its answer
// section lead to, and on the addresses in its A, AAAA, SVCB and HTTPS records.
// The first name along the chain that a rule knows decides: a block rule blocks
// the answer, an allow rule ends the inspection, as a name that somebody allowed
// shall not fail for where it leads. Without one the first address decides that a
// rule blocks; a rule that allows an address is for that address alone. Answers
// to a question that a rule allows are not to be inspected at all.
//
// Answer does not keep msg. It allocates only for the names that the answer leads
// to. Records that cannot be read lead nowhere.
func (g *Group) Answer(q *Question, msg []byte) Verdict {
	f := g.at(q)
	if f.off != "" || !f.listed {
		return Verdict{}
	}
	w := walk{g, f, q.query(), &q.hop, msg}
	var block, allow, addr Verdict
	for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
		if addr.Action == None {
			addr = w.addresses(&it.RR)
		}
		switch v := w.target(&it.RR); {
		case v.Action >= Block && block.Action == None:
			block = v
		case v.Action == Allow && allow.Action == None:
			allow = v
		}
	}
	if block.Action == None {
		block = addr // the chain ends at the addresses
	}
	if block.Action == None || allow.Action == None {
		if block.Action != None {
			return block
		}
		return allow
	}
	// Not every server keeps the records in the order of the chain, which says
	// which name comes first. Off the chain an allow rule counts for nothing.
	if v := w.chain(); v.Action != None {
		return v
	}
	return block
}

// walk is the inspection of an answer.
type walk struct {
	group *Group
	force *force
	query *blocklists.Query // for the question
	hop   *blocklists.Query // for a name that the answer leads to
	msg   []byte
}

// chain returns the first decision along the chain of CNAMEs from the question.
func (w *walk) chain() Verdict {
	q, _, err := dnswire.ReadQuestion(w.msg)
	if err != nil {
		return Verdict{}
	}
	name := q.Name
	for range maxChain {
		var next dnswire.Name
		for it := dnswire.NewRecords(w.msg); it.Next() && it.RR.Section == dnswire.Answer; {
			if !ownedBy(w.msg, &it.RR, name) {
				continue
			}
			if v := w.target(&it.RR); v.Action != None {
				return v
			}
			if it.RR.Type == dnswire.TypeCNAME {
				next, _ = target(w.msg, &it.RR)
			}
		}
		if next == "" {
			return Verdict{}
		}
		name = next
	}
	return Verdict{}
}

// ownedBy reports whether rr says where name leads: it is name's own, or a DNAME
// of a name above it (RFC 6672 section 2.3).
func ownedBy(msg []byte, rr *dnswire.RR, name dnswire.Name) bool {
	if rr.Type != dnswire.TypeDNAME {
		return dnswire.IsName(msg, rr.Owner, name)
	}
	owner, _, err := dnswire.ReadName(msg, rr.Owner)
	return err == nil && name != owner && name.In(owner)
}

// target returns the verdict on the name that rr leads to.
func (w *walk) target(rr *dnswire.RR) Verdict {
	name, ok := target(w.msg, rr)
	if !ok {
		return Verdict{}
	}
	return w.name(name)
}

// name returns the verdict of the rules on a name that the answer leads to.
func (w *walk) name(name dnswire.Name) (v Verdict) {
	*w.hop = *w.query
	w.hop.Name = name
	var ok bool
	if v.Rule, ok = w.group.set.Match(w.hop, w.force.lists); ok {
		v.byRule(w.group, w.hop, w.force)
		v.Hop = name
	}
	return v
}

// target returns the name that rr leads to. In SVCB and HTTPS records it can be
// the root, for the owner or for no service (RFC 9460 section 2.5): no rule
// matches that.
func target(msg []byte, rr *dnswire.RR) (dnswire.Name, bool) {
	at := rr.Data
	switch rr.Type {
	case dnswire.TypeCNAME, dnswire.TypeDNAME:
	case dnswire.TypeSVCB, dnswire.TypeHTTPS:
		at += 2 // the priority
	default:
		return "", false
	}
	name, _, err := dnswire.ReadName(msg[:rr.End], at)
	return name, err == nil
}

// addresses returns the verdict on the first address in rr that a rule blocks.
func (w *walk) addresses(rr *dnswire.RR) Verdict {
	for a := addressesOf(w.msg, rr); ; {
		addr, ok := a.next()
		if !ok {
			return Verdict{}
		}
		if v := w.address(addr); v.Action >= Block {
			return v
		}
	}
}

// address returns the verdict of the rules on an address in the answer.
func (w *walk) address(addr netip.Addr) (v Verdict) {
	var ok bool
	if v.Rule, ok = w.group.set.MatchAddr(addr, w.query, w.force.lists); ok {
		v.byRule(w.group, w.query, w.force)
		v.Addr = addr
	}
	return v
}
