package blocklists

import "bytes"

// pending is a rule that the following lines may add records to.
type pending struct {
	on    bool
	rule  parsed // its name is in wire
	wire  nameBuffer
	reply Reply
	zone  zoneKind // of the local-zone that rule stands for
}

// owns reports whether p is for the owner of rule.
func (p *pending) owns(rule *parsed) bool {
	return p.on && p.rule.prefix == rule.prefix && p.rule.scope == rule.scope && bytes.Equal(p.rule.name, rule.name)
}

// isZone reports whether p is the local-zone of the given name.
func (p *pending) isZone(name []byte) bool {
	return p.on && p.zone != noZone && bytes.Equal(p.rule.name, name)
}

// begin keeps the present rule back.
func (r *reader) begin(zone zoneKind) *pending {
	r.release()
	p := &r.pending
	p.on, p.zone, p.rule = true, zone, r.p
	p.rule.name = p.wire[:copy(p.wire[:], r.p.name)]
	p.reply = Reply{Records: p.reply.Records[:0]}
	return p
}

// join adds a reply to the rule of the lines before if that is for the owner of
// the present one, or else makes a new rule of it.
func (r *reader) join(reply Reply) {
	if r.allow {
		r.out.skip(whyAllowReply)
		return
	}
	p := &r.pending
	if !p.owns(&r.p) {
		p = r.begin(noZone)
	}
	if !p.add(reply) {
		r.out.skip(whyRecord)
	}
}

// add adds records or a CNAME, which stands alone. It reports false if they do
// not fit.
func (p *pending) add(reply Reply) bool {
	if p.reply.CNAME != "" || reply.CNAME != "" && len(p.reply.Records) > 0 || len(p.reply.Records) >= maxRecords {
		return false
	}
	p.reply.CNAME = reply.CNAME
	p.reply.Records = append(p.reply.Records, reply.Records...)
	return true
}

// release passes on what is kept back.
func (r *reader) release() {
	p := &r.pending
	if !p.on {
		return
	}
	p.on = false
	if p.reply.denies() { // a zone that no data was given for
		r.pass(&p.rule)
		return
	}
	answer := p.rule
	answer.reply = r.in.reply(&p.reply)
	if p.zone == apexZone {
		answer.scope = Exact
	}
	r.pass(&answer)
	if p.zone == apexZone {
		p.rule.scope = Under
		r.pass(&p.rule)
	}
}
