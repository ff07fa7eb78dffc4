package blocklists

import (
	"bytes"

	"github.com/miekg/dns"
)

// look is what a line can be told to be without its neighbours.
type look uint8

const (
	comment look = iota // or empty
	cosmetic
	hostsLine
	domainLine
	adblockLine
	dnsmasqLine
	unboundLine
	zoneLine
)

// formats are those whose lines look so.
var formats = [...]Format{
	hostsLine:   Hosts,
	domainLine:  Domains,
	adblockLine: Adblock,
	dnsmasqLine: Dnsmasq,
	unboundLine: Unbound,
	zoneLine:    RPZ,
}

// marks is the set of kinds of characters in a text that tell lines apart. The
// characters of host names have none.
type marks uint16

const (
	blank    marks = 1 << iota
	control        // C0 controls but for the tab, and DEL
	hash           // #
	dollar         // $
	caret          // ^
	star           // *
	slash          // /
	equals         // =
	colon          // :
	grouping       // ( ) ; " which make lines of a zone file more than words
	other          // everything else
)

var marksOf = func() (table [256]marks) {
	for i := range table {
		c := byte(i)
		switch {
		case hostByte[c] != 0 || c == '.':
		case c == ' ' || c == '\t':
			table[c] = blank
		case c < ' ' || c == 0x7F:
			table[c] = control
		default:
			table[c] = other
		}
	}
	for c, m := range map[byte]marks{
		'#': hash, '$': dollar, '^': caret, '*': star, '/': slash, '=': equals, ':': colon,
		'(': grouping, ')': grouping, ';': grouping, '"': grouping,
	} {
		table[c] = m
	}
	return table
}()

func marksIn(text []byte) (m marks) {
	for _, c := range text {
		m |= marksOf[c]
	}
	return m
}

// lookOf looks at a trimmed line with the marks m. The format only matters for
// lines that start with two #: decoration in most lists, a cosmetic rule for
// every site in adblock ones.
func lookOf(text []byte, m marks, format Format) look {
	if len(text) == 0 {
		return comment
	}
	switch text[0] {
	case '!', ';':
		return comment
	case '#':
		if format == Adblock && isCosmetic(text) {
			return cosmetic
		}
		return comment
	case '[':
		if text[len(text)-1] == ']' { // [Adblock Plus 2.0]
			return comment
		}
	case '|':
		return adblockLine
	}
	if m&blank != 0 && isHosts(text) {
		return hostsLine
	}
	if isRegexp(text) {
		return adblockLine
	}
	if m&(hash|dollar) != 0 && isCosmetic(text) {
		return cosmetic
	}
	switch text[0] {
	case '@':
		if len(text) > 1 && text[1] == '@' {
			return adblockLine
		}
	case '/', '[':
		return adblockLine
	}
	switch {
	case m&equals != 0 && isDnsmasq(text):
		return dnsmasqLine
	case m&colon != 0 && isUnbound(text):
		return unboundLine
	case m&blank != 0 && isZone(text):
		return zoneLine
	case m&(dollar|caret) != 0:
		if i := bytes.IndexByte(text, '#'); i < 0 || marksIn(text[:i])&(dollar|caret) != 0 {
			return adblockLine
		}
	}
	return domainLine
}

// isHosts reports whether the line is an address and names.
func isHosts(text []byte) bool {
	first, rest := field(text)
	return len(rest) > 0 && rest[0] != '#' && rest[0] != ';' && isAddress(first)
}

// isRegexp reports whether the line is a regular expression between slashes,
// perhaps with modifiers. What stands in it must not be taken for anything else.
func isRegexp(text []byte) bool {
	return regexpEnd(bytes.TrimPrefix(text, []byte("@@"))) > 0
}

// regexpEnd returns where the regular expression at the start of text ends: at
// the end, before the $ of modifiers or before a comment. It is 0 if there is none.
func regexpEnd(text []byte) int {
	if len(text) < 2 || text[0] != '/' {
		return 0
	}
	if end := bytes.LastIndex(text, []byte("/$")); end > 0 && text[len(text)-1] != '/' {
		return end + 1
	}
	for i, c := range text {
		if c == '/' && i > 0 && isComment(text[i+1:]) {
			return i + 1
		}
	}
	if text[len(text)-1] == '/' {
		return len(text)
	}
	return 0
}

// isCosmetic reports whether the line hides or changes parts of a page: it has
// one of the separators ##, #@#, #?#, #$#, #%# and their combinations, or $$ and
// $@$, right behind its list of sites.
func isCosmetic(text []byte) bool {
	for i, c := range text {
		switch {
		case c == ' ' || c == '\t':
			// No list of sites has blanks; what follows is a comment or no rule. A
			// separator at the very start has been seen by now.
			return false
		case c == '$' && (bytes.HasPrefix(text[i:], []byte("$$")) || bytes.HasPrefix(text[i:], []byte("$@$"))):
			return true
		case c == '$' && text[0] != '[':
			return false // modifiers follow; [$path=/x]example.com##.ad begins with them
		case c == '#':
			end := i + 1
			for end < len(text) && bytes.IndexByte([]byte("@?$%"), text[end]) >= 0 {
				end++
			}
			if end == len(text) || text[end] != '#' {
				return false
			}
			// "## title ##" is decoration, also in adblock lists.
			return i > 0 || end+1 < len(text) && text[end+1] != ' ' && text[end+1] != '#'
		}
	}
	return false
}

// isZone reports whether the line is a record or directive of a zone file: a
// name, then perhaps a TTL and the class, then a type.
func isZone(text []byte) bool {
	owner, rest := field(text)
	if string(owner) == "$ORIGIN" || string(owner) == "$TTL" {
		return true
	}
	if marksIn(owner)&^star != 0 && string(owner) != "@" {
		return false
	}
	for range 3 {
		var word []byte
		if word, rest = field(rest); len(word) == 0 {
			return false
		}
		if typeOf(word) != 0 {
			return len(rest) > 0
		}
		if !isClass(word) && !isTTL(word) {
			return false
		}
	}
	return false
}

// startsZone reports whether a line of a zone file is a directive or the SOA.
func startsZone(text []byte) bool {
	if text[0] == '$' {
		return true
	}
	_, t, _ := cutRecord(text)
	return t == dns.TypeSOA
}

// typeOf returns the type that word is the mnemonic of, 0 if it is none.
func typeOf(word []byte) uint16 {
	switch string(word) { // what a zone of policies is full of
	case "CNAME":
		return dns.TypeCNAME
	case "A":
		return dns.TypeA
	case "AAAA":
		return dns.TypeAAAA
	}
	var upper [16]byte // no mnemonic is longer
	if len(word) > len(upper) {
		return 0
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	name := upper[:len(word)]
	if t, ok := dns.StringToType[string(name)]; ok {
		return t
	}
	if digits, ok := bytes.CutPrefix(name, []byte("TYPE")); ok { // RFC 3597 section 5
		if n, ok := number(digits, 1<<16-1); ok {
			return uint16(n)
		}
	}
	return 0
}

func isClass(word []byte) bool { return bytes.EqualFold(word, []byte("IN")) }

// isTTL reports whether word is a TTL: seconds, or numbers with units as in 1h30m.
func isTTL(word []byte) bool {
	if len(word) == 0 || word[0] < '0' || word[0] > '9' {
		return false
	}
	for _, c := range word {
		if (c < '0' || c > '9') && bytes.IndexByte([]byte("smhdwSMHDW"), c) < 0 {
			return false
		}
	}
	return true
}

// number reads an unsigned decimal number of at most limit.
func number(text []byte, limit int) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, len(text) > 0
}

// field cuts the first word off text. rest has no blanks in front.
func field(text []byte) (word, rest []byte) {
	for i, c := range text {
		if c == ' ' || c == '\t' {
			return text[:i], bytes.TrimLeft(text[i:], " \t")
		}
	}
	return text, nil
}

// trim takes blanks and byte order marks off a line: files that were put
// together from others have marks in their middle.
func trim(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF")))
}
