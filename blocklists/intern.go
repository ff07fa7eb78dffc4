package blocklists

import "slices"

// maxRcode is the largest that fits into the header of a message without EDNS,
// RFC 1035 section 4.1.1.
const maxRcode = 15

// interned holds the conditions and replies of one load, each once. The zero
// value is ready for use. It is not safe for concurrent use.
type interned struct {
	conditions map[string]*Condition
	replies    map[string]*Reply
	denials    [maxRcode + 1]*Reply // the answers without records that have been asked for
	key        []byte               // scratch
}

// condition returns the one condition that says what c does, nil if c restricts
// nothing. It keeps nothing of c, which must be normalized.
func (in *interned) condition(c *Condition) *Condition {
	in.key = appendCondition(in.key[:0], c)
	if len(in.key) == 0 {
		return nil
	}
	if old, ok := in.conditions[string(in.key)]; ok {
		return old
	}
	if in.conditions == nil {
		in.conditions = make(map[string]*Condition)
	}
	own := &Condition{
		Types:        owned(c.Types),
		NotTypes:     owned(c.NotTypes),
		Clients:      owned(c.Clients),
		NotClients:   owned(c.NotClients),
		DenyAllow:    owned(c.DenyAllow),
		RewritesOnly: c.RewritesOnly,
	}
	in.conditions[string(in.key)] = own
	return own
}

// reply returns the one reply that says what r does. It keeps the data of r's
// records, which must not change.
func (in *interned) reply(r *Reply) *Reply {
	in.key = in.appendKey(in.key[:0], r)
	if old, ok := in.replies[string(in.key)]; ok {
		return old
	}
	if in.replies == nil {
		in.replies = make(map[string]*Reply)
	}
	own := &Reply{Drop: r.Drop, Rcode: r.Rcode, CNAME: r.CNAME, Records: owned(r.Records)}
	in.replies[string(in.key)] = own
	return own
}

// denial returns the reply with an rcode and no records.
func (in *interned) denial(rcode int) *Reply {
	if in.denials[rcode] == nil {
		in.denials[rcode] = in.reply(&Reply{Rcode: rcode})
	}
	return in.denials[rcode]
}

// appendKey appends bytes that are equal for equal replies only.
func (in *interned) appendKey(dst []byte, r *Reply) []byte {
	drop := byte(0)
	if r.Drop {
		drop = 1
	}
	dst = append(dst, drop, byte(r.Rcode))
	if r.CNAME == "" {
		dst = append(dst, 0xFF) // no name starts like that
	}
	dst = append(dst, r.CNAME...)
	for _, rec := range r.Records {
		dst = append(dst, byte(rec.Type>>8), byte(rec.Type), byte(len(rec.Data)>>8), byte(len(rec.Data)))
		dst = append(dst, rec.Data...)
	}
	return dst
}

// owned returns a copy of s, nil for an empty one.
func owned[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}
