package blocklists

import (
	"bytes"
	"net/netip"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// zoneKind says what local-data does to a local-zone of unbound.
type zoneKind uint8

const (
	noZone       zoneKind = iota
	apexZone              // answers at its own name, the rest is blocked
	redirectZone          // the data of its own name is the answer for all under it
)

// isUnbound reports whether the line is a statement of unbound.conf(5): a word of
// small letters, digits and hyphens with a colon, then its value or nothing.
func isUnbound(text []byte) bool {
	for i, c := range text {
		switch {
		case 'a' <= c && c <= 'z', i > 0 && ('0' <= c && c <= '9' || c == '-'):
		case c == ':' && i > 0:
			return i+1 == len(text) || bytes.IndexByte([]byte(" \t\"'#"), text[i+1]) >= 0
		default:
			return false
		}
	}
	return false
}

// unbound reads a statement of unbound.conf(5). Only those of the server clause
// count: a view is for some clients.
func (r *reader) unbound(text []byte) {
	key, value, _ := bytes.Cut(text, []byte(":"))
	value = bytes.TrimLeft(value, " \t")
	switch {
	case len(value) == 0 || value[0] == '#':
		r.clause = string(key) != "server"
	case r.clause:
		r.out.skip(whyOption)
	case string(key) == "local-zone":
		r.localZone(value)
	case string(key) == "local-data":
		r.localData(value)
	default:
		r.out.skip(whyOption)
	}
}

// localZone reads the name and type of a local-zone. All types that keep a name
// from being resolved block it and what is under it in the client group's way.
func (r *reader) localZone(value []byte) {
	name, rest, ok := cutQuoted(value)
	kind, rest, ok2 := cutQuoted(rest)
	if !ok || !ok2 || len(rest) > 0 && rest[0] != '#' {
		r.out.skip(whyValue)
		return
	}
	zone := noZone
	switch string(kind) {
	case "always_nxdomain", "always_nodata", "always_refuse", "always_deny":
	case "static", "deny", "refuse", "inform_deny", "always_null":
		zone = apexZone
	case "redirect", "inform_redirect":
		zone = redirectZone
	case "block_a":
		r.cond = Condition{Types: []uint16{dns.TypeA}}
		r.p.cond = r.in.condition(&r.cond)
	case "always_transparent":
		r.p.f |= flagAllow
	case "transparent", "typetransparent", "inform", "nodefault", "noview", "ipset", "truncate":
		r.out.skip(whyZoneType)
		return
	default:
		r.out.skip(whyValue)
		return
	}
	if string(name) == "." {
		r.everything([]byte("*"))
		return
	}
	if !r.owner(name, Subtree) {
		return
	}
	r.closed = r.closed[:0]
	if zone != noZone {
		r.begin(zone)
		return
	}
	r.emit()
	if bytes.HasPrefix(kind, []byte("always_")) {
		r.closed = append(r.closed, r.p.name...)
	}
}

// localData reads a record of a local-zone, or of a name without one.
func (r *reader) localData(value []byte) {
	text, rest, ok := cutQuoted(value)
	if !ok || len(rest) > 0 && rest[0] != '#' {
		r.out.skip(whyValue)
		return
	}
	owner, t, data := cutRecord(text)
	if skipType(t) {
		return
	}
	reply, ok := parseAnswer(t, data)
	if !ok {
		r.out.skip(whyRecord)
		return
	}
	if !r.owner(owner, Exact) {
		return
	}
	inZone := r.pending.isZone(r.p.name)
	if inZone {
		r.p.scope = Subtree
	}
	nowhere := reply.leadsNowhere()
	switch {
	case len(r.closed) > 0 && dnswire.Name(r.p.name).In(dnswire.Name(r.closed)):
		if !nowhere {
			r.out.skip(whyShadowed)
		}
	case !nowhere:
		r.join(reply)
	case !inZone: // which blocks it otherwise
		r.emit()
	}
}

// parseAnswer reads the type and data of a record. Its names are absolute.
func parseAnswer(t uint16, data []byte) (reply Reply, ok bool) {
	if t == dns.TypeCNAME {
		reply.CNAME, ok = targetName(data, dnswire.Root)
		return reply, ok && isHost(reply.CNAME)
	}
	wire, ok := parseData(t, data, ".")
	return Reply{Records: []Record{{Type: t, Data: wire}}}, ok
}

// leadsNowhere reports whether r is an address that no service can be at.
func (r *Reply) leadsNowhere() bool {
	if len(r.Records) != 1 {
		return false
	}
	rec := &r.Records[0]
	addr, ok := netip.AddrFromSlice(rec.Data)
	return ok && (rec.Type == dns.TypeA || rec.Type == dns.TypeAAAA) && isSink(addr)
}

// cutQuoted cuts a word or a text in quotes off. rest has no blanks in front.
func cutQuoted(text []byte) (word, rest []byte, ok bool) {
	if len(text) == 0 {
		return nil, nil, false
	}
	quote := text[0]
	if quote != '"' && quote != '\'' {
		word, rest = field(text)
		return word, rest, true
	}
	end := bytes.IndexByte(text[1:], quote)
	if end < 0 {
		return nil, nil, false
	}
	return text[1 : 1+end], bytes.TrimLeft(text[end+2:], " \t"), true
}

// cutRecord splits a record into owner, type and data. TTL and class may stand
// in either order. The type is 0 if there is none.
func cutRecord(text []byte) (owner []byte, t uint16, data []byte) {
	owner, rest := field(bytes.TrimLeft(text, " \t"))
	t, data = cutType(rest)
	return owner, t, data
}

// cutType cuts TTL, class and type off the rest of a record.
func cutType(text []byte) (t uint16, data []byte) {
	for range 3 {
		var word []byte
		word, text = field(text)
		if t = typeOf(word); t != 0 {
			return t, bytes.TrimRight(text, " \t")
		}
		if !isClass(word) && !isTTL(word) {
			break
		}
	}
	return 0, nil
}
