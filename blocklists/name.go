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

// nameBuffer holds a name in wire form. It is as long as a byte is wide, so
// that the compiler sees that a byte is always an index in it.
type nameBuffer [256]byte

// put reads the host name in text: its wire form, lower-case and with punycode
// in place of Unicode, and how many labels it has. One trailing dot is allowed.
// Names that no host can have are refused with the reason. The name is good
// until the next call.
func (b *nameBuffer) put(text []byte) (name []byte, labels int, why reason) {
	if name, labels = b.plain(text); labels == 0 {
		return b.odd(text)
	}
	return name, labels, ""
}

// hostByte maps the characters of host names but for the dot to lower case, all
// others to 0.
var hostByte = func() (table [256]byte) {
	for c := range byte(utf8.RuneSelf) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			table[c] = c
		case 'A' <= c && c <= 'Z':
			table[c] = c + 'a' - 'A'
		}
	}
	return table
}()

// plain is put for names that need no mapping and are in order, which nearly all
// in lists are. For others labels is 0.
func (b *nameBuffer) plain(text []byte) (name []byte, labels int) {
	if n := len(text); n > 0 && text[n-1] == '.' {
		text = text[:n-1]
	}
	if len(text) > maxText {
		return nil, 0
	}
	// Every character stands one byte further than in the text, because the first
	// label has its length in front and the others have it in place of the dot.
	length := uint8(0) // where the length of the label belongs
	all := byte(0)
	for i, c := range text {
		low := hostByte[c]
		b[uint8(i+1)] = low
		if low != 0 {
			all |= low
			continue
		}
		n := uint8(i) - length
		if c != '.' || n == 0 || n > dnswire.MaxLabel {
			return nil, 0
		}
		b[length] = n
		length = uint8(i + 1)
		labels++
	}
	n := uint8(len(text)) - length
	if n == 0 || n > dnswire.MaxLabel {
		return nil, 0
	}
	b[length] = n
	b[uint8(len(text)+1)] = 0
	const letters = 0x40 // a bit that letters and the underscore have, digits have not
	if all&letters == 0 && isAddress(text) {
		return nil, 0
	}
	return b[:len(text)+2], labels + 1
}

// odd is put for names that plain does not take.
func (b *nameBuffer) odd(text []byte) (name []byte, labels int, why reason) {
	if bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if len(text) > 4*maxText { // no name; spare the mapping
			return nil, 0, whyLong
		}
		s, err := toASCII.ToASCII(string(text))
		if err != nil || !utf8.Valid(text) { // ToASCII lets broken UTF-8 through
			return nil, 0, whyName
		}
		text = []byte(s)
		if name, labels = b.plain(text); labels > 0 {
			return name, labels, ""
		}
	}
	text = bytes.TrimSuffix(text, []byte("."))
	switch {
	case len(text) == 0:
		return nil, 0, whyName
	case !hostChars(text):
		return nil, 0, misfit(text)
	case isAddress(text):
		return nil, 0, whyAddress
	case len(text) > maxText:
		return nil, 0, whyLong
	case bytes.HasPrefix(text, []byte(".")), bytes.HasSuffix(text, []byte(".")), bytes.Contains(text, []byte("..")):
		return nil, 0, whyName
	}
	return nil, 0, whyLabel
}

// hostChars reports whether text has only letters, digits, hyphens, underscores
// and dots.
func hostChars(text []byte) bool {
	for _, c := range text {
		if hostByte[c] == 0 && c != '.' {
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

// isAddress reports whether text is an IP address, a zone included. Most names
// are told by one of their first bytes.
func isAddress(text []byte) bool {
	switch string(text) { // most addresses
	case "0.0.0.0", "127.0.0.1", "::", "::1":
		return true
	}
	for i, c := range text {
		if c == '%' && i > 0 {
			break // a zone of any characters
		}
		if digit := '0' <= c && c <= '9'; !digit && c != ':' && !('a' <= c|0x20 && c|0x20 <= 'f') && (c != '.' || i == 0) {
			return false
		}
	}
	_, err := netip.ParseAddr(string(text))
	return err == nil
}
