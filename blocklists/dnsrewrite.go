package blocklists

import (
	"bytes"
	"net/netip"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// rewrite reads the values of the modifiers $dnsrewrite of the present rule.
// Several of them add up if all are records. An allowing rule has one without a
// value and lifts the others.
func (r *reader) rewrite(values [][]byte) reason {
	if r.allows() {
		if len(values) > 1 || len(values[0]) > 0 {
			return whyLift
		}
		r.cond.RewritesOnly = true
		return ""
	}
	var all Reply
	for _, value := range values {
		reply, ok := parseReply(unescapeCommas(value))
		switch {
		case !ok || len(all.Records) >= maxRecords:
			return whyRewrite
		case len(values) == 1:
			all = reply
		case len(reply.Records) == 0:
			return whyRewrite
		default:
			all.Records = append(all.Records, reply.Records...)
		}
	}
	r.p.reply = r.in.reply(&all)
	return ""
}

// maxRecords bounds the records of a reply: with the smallest ones, as many as a
// message of 64 KiB holds.
const maxRecords = 4000

// parseReply reads a value of $dnsrewrite:
//
//	192.0.2.1, 2001:db8::1  that address
//	example.net             a CNAME
//	NXDOMAIN, REFUSED, …    an answer without records; NOERROR is NODATA
//	DROP                    no answer
//	RCODE;TYPE;VALUE        all of these in one form; TYPE and VALUE are empty for
//	                        an answer without records; letter case is of no matter
func parseReply(value []byte) (reply Reply, ok bool) {
	head, rest, full := bytes.Cut(value, []byte(";"))
	if full { // then there is nothing that small letters could be besides
		head = bytes.ToUpper(head)
	}
	rcode, known := rcodeOf(head)
	switch {
	case full:
		typ, data, complete := bytes.Cut(rest, []byte(";"))
		switch {
		case !known || !complete:
			return reply, false
		case len(typ) == 0 && len(data) == 0:
			return Reply{Rcode: rcode}, true
		}
		reply, ok = parseRecord(typ, data)
		return reply, ok && rcode == dns.RcodeSuccess
	case known:
		return Reply{Rcode: rcode}, true
	case string(head) == "DROP":
		return Reply{Drop: true}, true
	}
	addr, err := netip.ParseAddr(string(value))
	if err != nil {
		if isKeyword(value) {
			return reply, false
		}
		return parseAlias(value)
	}
	return addressReply(addr), addr.Zone() == ""
}

// rcodeOf returns the code with the given mnemonic.
func rcodeOf(name []byte) (rcode int, ok bool) {
	rcode, ok = dns.StringToRcode[string(name)]
	return rcode, ok && rcode <= maxRcode
}

// isKeyword reports whether text is of capital letters only: no name, but a code
// that is not known.
func isKeyword(text []byte) bool {
	for _, c := range text {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

func parseAlias(text []byte) (reply Reply, ok bool) {
	var b nameBuffer
	name, _, why := b.put(text)
	return Reply{CNAME: dnswire.Name(name)}, why == ""
}

// parseRecord reads a type and data in the presentation form of zone files. TXT
// may stand without quotes and is then one text.
func parseRecord(typ, text []byte) (reply Reply, ok bool) {
	t := typeOf(typ)
	if t == dns.TypeCNAME {
		return parseAlias(text)
	}
	rec := Record{Type: t}
	if t == dns.TypeTXT && !bytes.HasPrefix(text, []byte(`"`)) {
		rec.Data, ok = appendTexts(nil, text), true
	} else {
		rec.Data, ok = parseData(t, text, ".")
	}
	return Reply{Records: []Record{rec}}, ok
}

// addressReply returns the A or AAAA record for addr.
func addressReply(addr netip.Addr) Reply {
	t := dns.TypeAAAA
	if addr.Is4() {
		t = dns.TypeA
	}
	return Reply{Records: []Record{{Type: t, Data: addr.AsSlice()}}}
}

// appendTexts appends the data of a TXT record, RFC 1035 section 3.3.14: the
// text in strings of at most 255 bytes, each with its length in front.
func appendTexts(dst, text []byte) []byte {
	const most = 255
	for {
		n := min(len(text), most)
		dst = append(append(dst, byte(n)), text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return dst
		}
	}
}

// denies reports whether r answers with nothing.
func (r *Reply) denies() bool { return r.CNAME == "" && len(r.Records) == 0 }
