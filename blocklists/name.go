package blocklists

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"tundns/dnswire"
)

// toASCII maps names in Unicode as resolvers look them up (UTS 46,
// non-transitional). Underscores stay: they are common in lists.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// maxText is the length of the longest name in presentation form without the
// trailing dot: 255 bytes on the wire less the first length and the root.
const maxText = dnswire.MaxName - 2

// appendName appends the wire form of the host name in text to dst, lower-case
// and with punycode in place of Unicode. One trailing dot is allowed. labels is
// how many labels the name has. Names that no host can have are refused with
// the reason; dst is then not to be used.
func appendName(dst, text []byte) (name []byte, labels int, why reason) {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			if len(text) > 4*maxText { // no name; spare the mapping
				return nil, 0, whyLong
			}
			s, err := toASCII.ToASCII(string(text))
			if err != nil || !utf8.Valid(text) { // ToASCII lets broken UTF-8 through
				return nil, 0, whyName
			}
			text = []byte(s)
			break
		}
	}
	text = bytes.TrimSuffix(text, []byte("."))
	if len(text) == 0 {
		return nil, 0, whyName
	}
	if !hostChars(text) {
		return nil, 0, misfit(text)
	}
	if isAddress(text) {
		return nil, 0, whyAddress
	}
	if len(text) > maxText {
		return nil, 0, whyLong
	}
	for more := true; more; {
		var label []byte
		label, text, more = bytes.Cut(text, []byte("."))
		switch {
		case len(label) == 0:
			return nil, 0, whyName
		case len(label) > dnswire.MaxLabel:
			return nil, 0, whyLabel
		}
		dst = append(dst, byte(len(label)))
		for _, c := range label {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		}
		labels++
	}
	return append(dst, 0), labels, ""
}

// hostChars reports whether text has only letters, digits, hyphens, underscores
// and dots.
func hostChars(text []byte) bool {
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', 'A' <= c && c <= 'Z':
		default:
			return false
		}
	}
	return true
}

// misfit says what text with characters that no host name has is instead.
func misfit(text []byte) reason {
	host, _, slash := bytes.Cut(text, []byte("/"))
	switch {
	case isAddress(host):
		return whyAddress // or a prefix
	case slash:
		return whyPath
	case bytes.IndexByte(text, '*') >= 0:
		return whyPattern
	}
	return whyName
}

// isAddress reports whether text is an IP address, a zone included. IPv4 starts
// with a digit and IPv6 has a colon: most names are told by one byte.
func isAddress(text []byte) bool {
	if len(text) == 0 || !('0' <= text[0] && text[0] <= '9') && bytes.IndexByte(text, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(string(text))
	return err == nil
}
