package localnames

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"

	"tundns/dnswire"
)

// DefaultTTL is the TTL in seconds of records that are written without one, and
// of those from hosts files: short enough that a moved host is found again soon.
const DefaultTTL = 300

// maxTTL is the longest TTL in seconds (RFC 2181 section 8).
const maxTTL = 1<<31 - 1

// maxLine is the length of the longest record line in bytes. DKIM keys, the
// longest records in use, take about 1000.
const maxLine = 4096

// usage says how a record is written.
const usage = "a record is NAME [TTL] [IN] TYPE DATA with TYPE one of A, AAAA, CNAME, MX, PTR, SRV, TXT"

// toASCII maps names in Unicode as resolvers look them up (UTS 46,
// non-transitional). Underscores stay: services are named by them.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// parsed is a record line that was understood.
type parsed struct {
	Record
	target dnswire.Name // of a CNAME
	addr   netip.Addr   // of A and AAAA
}

// parseRecord reads a line as zone files have them (RFC 1035 section 5.1). All
// names are complete, with or without a trailing dot.
func parseRecord(line string) (p parsed, err error) {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return p, errors.New("is empty: " + usage)
	case len(line) > maxLine:
		return p, fmt.Errorf("is longer than %d bytes", maxLine)
	case strings.ContainsAny(line, "\r\n\x00"):
		return p, errors.New("has a line break or NUL: one record is one line")
	case !utf8.ValidString(line):
		return p, errors.New("is not valid UTF-8")
	case line[0] == '$':
		return p, errors.New("is a directive of zone files, which are not known here: " + usage)
	}
	zone := dns.NewZoneParser(strings.NewReader(line), ".", "")
	zone.SetDefaultTTL(DefaultTTL)
	rr, ok := zone.Next()
	if err := zone.Err(); err != nil {
		return p, fmt.Errorf("cannot be read (%s): %s", complaint(err), usage)
	}
	if !ok {
		return p, errors.New("has no record: " + usage)
	}
	head := rr.Header()
	if head.Class != dns.ClassINET {
		return p, fmt.Errorf("is of class %s: local records are of class IN", dns.Class(head.Class))
	}
	if head.Ttl > maxTTL {
		return p, fmt.Errorf("has a TTL of more than %d seconds", maxTTL)
	}
	if p.Owner, err = parseOwner(head.Name); err != nil {
		return p, err
	}
	p.Type, p.TTL = head.Rrtype, head.Ttl
	switch rr := rr.(type) {
	case *dns.A:
		p.addr, _ = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		p.addr, _ = netip.AddrFromSlice(rr.AAAA.To16())
	case *dns.CNAME:
		if p.target, err = parseTarget(&rr.Target); err == nil && p.target == dnswire.Root {
			err = errors.New("is a CNAME to the root")
		}
	case *dns.PTR:
		_, err = parseTarget(&rr.Ptr)
	case *dns.MX:
		_, err = parseTarget(&rr.Mx)
	case *dns.SRV:
		_, err = parseTarget(&rr.Target)
	case *dns.TXT:
	default:
		err = fmt.Errorf("is of type %s: %s", dns.Type(head.Rrtype), usage)
	}
	if err != nil {
		return p, err
	}
	p.Data, err = pack(rr)
	return p, err
}

// complaint returns what the parser has to say without its prefix and position,
// which mean nothing for a single line.
func complaint(err error) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "dns: "), " at line: ")
	return text
}

// pack returns the data of a record in wire form.
func pack(rr dns.RR) ([]byte, error) {
	rr.Header().Name = "." // one byte, then type, class, TTL and length
	b := make([]byte, 11+dns.Len(rr))
	end, err := dns.PackRR(rr, b, 0, nil, false)
	if err != nil {
		return nil, errors.New(complaint(err))
	}
	return b[11:end:end], nil
}

// parseOwner reads the owner of a record, which may be a wildcard.
func parseOwner(text string) (dnswire.Name, error) {
	name, err := parseName(text)
	if err != nil {
		return "", err
	}
	if name == dnswire.Root {
		return "", errors.New("has the root as its name: write the name in full")
	}
	for n, first := name, true; n != dnswire.Root; first = false {
		rest, _ := n.Parent()
		switch {
		case n[:2] != "\x01*":
		case !first:
			return "", fmt.Errorf("has the name %q: only the first label may be *", name.Text())
		case rest == dnswire.Root:
			return "", errors.New("has the name *, which would cover every name there is")
		}
		n = rest
	}
	return name, nil
}

// parseTarget reads a name in the data of a record and writes it back in the
// form that we want on the wire.
func parseTarget(text *string) (dnswire.Name, error) {
	name, err := parseName(*text)
	if err == nil {
		*text = name.String()
	}
	return name, err
}

// parseName reads a name in presentation form, in punycode or Unicode.
func parseName(text string) (dnswire.Name, error) {
	if len(text) > 4*dnswire.MaxName { // every byte written \DDD
		return "", fmt.Errorf("has a name of more than %d bytes", dnswire.MaxName)
	}
	if addr, err := netip.ParseAddr(strings.TrimSuffix(text, ".")); err == nil {
		return "", fmt.Errorf("has the address %s where a name belongs (the PTR record of an address is at %s)", addr, reverse(addr).Text())
	}
	text, err := ascii(text)
	if err != nil {
		return "", err
	}
	name, err := dnswire.ParseName(text)
	if err != nil {
		return "", fmt.Errorf("is malformed: %w", err)
	}
	return name, nil
}

// ascii returns a name with punycode in place of Unicode.
func ascii(text string) (string, error) {
	for i := range len(text) {
		if text[i] < utf8.RuneSelf {
			continue
		}
		rest, wild := strings.CutPrefix(text, "*.")
		s, err := toASCII.ToASCII(rest)
		if err != nil || s == "" || !utf8.ValidString(text) { // ToASCII lets broken UTF-8 through
			return "", fmt.Errorf("has the name %q, which has no form in punycode", text)
		}
		if wild {
			s = "*." + s
		}
		return s, nil
	}
	return text, nil
}

// reverse returns the name at which the PTR records of addr are (RFC 1035
// section 3.5, RFC 3596 section 2.5).
func reverse(addr netip.Addr) dnswire.Name {
	text, _ := dns.ReverseAddr(addr.WithZone("").String())
	name, _ := dnswire.ParseName(text)
	return name
}
