package blocklists

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// parseData reads the data of a record of type t in presentation form into wire
// form, names uncompressed. Relative names are below origin.
func parseData(t uint16, text []byte, origin string) (data []byte, ok bool) {
	switch t {
	case dns.TypeA, dns.TypeAAAA:
		addr, err := netip.ParseAddr(string(text))
		if err != nil || addr.Zone() != "" || addr.Is4() != (t == dns.TypeA) {
			return nil, false
		}
		return addr.AsSlice(), true
	case 0, dns.TypeCNAME, dns.TypeOPT, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeTSIG, dns.TypeTKEY:
		return nil, false // no data that an answer can have for its type
	}
	if bytes.ContainsAny(text, "\r\n\x00") {
		return nil, false
	}
	line := ". 3600 IN " + typeText(t) + " " + string(text) + "\n"
	rr, ok := dns.NewZoneParser(strings.NewReader(line), origin, "").Next()
	if !ok || rr.Header().Rrtype != t {
		return nil, false
	}
	buf := make([]byte, min(dns.Len(rr)+len(text), dns.MaxMsgSize)) // data is hardly longer than its text
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	const header = 1 + 10 // the root as the owner, then RFC 1035 section 4.1.3 up to RDATA
	if err != nil || n <= header {
		return nil, false
	}
	return bytes.Clone(buf[header:n]), true
}

// appendData appends the presentation form of a record's data.
func appendData(dst []byte, rec Record) []byte {
	rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: ".", Rrtype: rec.Type, Class: dns.ClassINET, Rdlength: uint16(len(rec.Data))}, rec.Data, 0)
	if err != nil {
		return dst
	}
	switch rr.(type) {
	case *dns.RFC3597, *dns.NULL: // without a form of its own
		return fmt.Appendf(dst, `\# %d %x`, len(rec.Data), rec.Data) // RFC 3597 section 5
	}
	return append(dst, strings.TrimPrefix(rr.String(), rr.Header().String())...)
}

// isHost reports whether name could be a host's.
func isHost(name dnswire.Name) bool {
	var b nameBuffer
	_, _, why := b.put([]byte(name.Text()))
	return why == ""
}

// targetName reads a name in the data of a record. Relative names are below
// origin.
func targetName(text []byte, origin dnswire.Name) (dnswire.Name, bool) {
	if string(text) == "@" {
		return origin, true
	}
	name, err := dnswire.ParseName(string(text))
	if err != nil {
		return "", false
	}
	if text[len(text)-1] != '.' {
		name = name[:len(name)-1] + origin
	}
	return name, len(name) <= dnswire.MaxName
}

// skipType reports whether records of type t only hold a zone together.
func skipType(t uint16) bool {
	switch t {
	case dns.TypeSOA, dns.TypeNS, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeDNSKEY, dns.TypeZONEMD:
		return true
	}
	return false
}
