package policy

import "tundns/dnswire"

// maxChain bounds how far a chain of CNAMEs is followed. Resolvers give up at
// about this length.
const maxChain = 16

// Answer returns the verdict on a well-formed answer of an upstream, in wire
// form: on the names that the CNAME, DNAME, SVCB and HTTPS records of its answer
// section lead to. The first of them along the chain that a rule knows decides:
// a block rule blocks the answer, an allow rule ends the inspection, as a name
// that somebody allowed shall not fail for where it leads. Answers to a question
// whose name is allowed are not to be inspected at all.
//
// Answer does not keep msg. It allocates only for the names that the answer
// leads to. Records that cannot be read lead nowhere.
func (g *Group) Answer(msg []byte) Verdict {
	var block, allow Verdict
	for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
		switch v := g.target(msg, &it.RR); {
		case v.Action == Block && block.Action == None:
			block = v
		case v.Action == Allow && allow.Action == None:
			allow = v
		}
		if block.Action != None && allow.Action != None {
			// Not every server keeps the records in the order of the chain, which
			// says which name comes first. Off the chain an allow rule counts for
			// nothing.
			if v := g.chain(msg); v.Action != None {
				return v
			}
			return block
		}
	}
	if block.Action != None {
		return block
	}
	return allow
}

// chain returns the first decision along the chain of CNAMEs from the question.
func (g *Group) chain(msg []byte) Verdict {
	q, _, err := dnswire.ReadQuestion(msg)
	if err != nil {
		return Verdict{}
	}
	name := q.Name
	for range maxChain {
		var next dnswire.Name
		for it := dnswire.NewRecords(msg); it.Next() && it.RR.Section == dnswire.Answer; {
			if !ownedBy(msg, &it.RR, name) {
				continue
			}
			if v := g.target(msg, &it.RR); v.Action != None {
				return v
			}
			if it.RR.Type == dnswire.TypeCNAME {
				next, _ = target(msg, &it.RR)
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
func (g *Group) target(msg []byte, rr *dnswire.RR) Verdict {
	name, ok := target(msg, rr)
	if !ok {
		return Verdict{}
	}
	v := g.Question(name)
	if v.Action != None {
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
