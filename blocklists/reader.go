package blocklists

import (
	"bytes"

	"tundns/dnswire"
)

// sink receives what the lines of a list hold. The name is in wire form and
// only good during the call.
type sink interface {
	rule(name []byte, f flags)
	skip(why reason)
}

// reader turns the lines of one list into rules. It is not safe for concurrent
// use.
type reader struct {
	format Format // not Auto
	exact  bool   // bare names in a domain list are exact
	allow  bool   // all rules allow
	out    sink
	wire   [dnswire.MaxName]byte
}

func newReader(s *Source, format Format, out sink) *reader {
	return &reader{format: format, exact: s.ExactDomains, allow: s.Action == Allow, out: out}
}

// line reads one line without its end. It keeps nothing of it.
func (r *reader) line(text []byte) {
	text = trim(text)
	look := lookOf(text, r.format)
	if look != comment && look != cosmetic && hasControl(text) {
		r.out.skip(whyControl)
		return
	}
	switch look {
	case comment:
	case cosmetic:
		r.out.skip(whyCosmetic)
	case hostsLine:
		r.hosts(text)
	case adblockLine:
		r.adblock(text)
	default:
		r.domain(text)
	}
}

// name reads the name in text and passes on its rule.
func (r *reader) name(text []byte, f flags) {
	if r.allow {
		f |= flagAllow
	}
	name, labels, why := appendName(r.wire[:0], text)
	switch {
	case why != "":
		r.out.skip(why)
	case labels == 1 && f&flagAllow == 0:
		r.out.skip(whyWide)
	default:
		r.out.rule(name, f)
	}
}

// look is what a line can be told to be without its neighbours.
type look uint8

const (
	comment look = iota // or empty
	cosmetic
	hostsLine
	domainLine
	adblockLine
)

// lookOf looks at a trimmed line. The format only matters for lines that start
// with two #: decoration in most lists, a cosmetic rule for every site in
// adblock ones.
func lookOf(text []byte, format Format) look {
	if len(text) == 0 || text[0] == '!' {
		return comment
	}
	switch text[0] {
	case '#':
		if format == Adblock && isCosmetic(text) {
			return cosmetic
		}
		return comment
	case '[':
		if text[len(text)-1] == ']' { // [Adblock Plus 2.0]
			return comment
		}
	}
	if first, rest := field(text); len(rest) > 0 && rest[0] != '#' && isAddress(first) {
		return hostsLine
	}
	if isCosmetic(text) {
		return cosmetic
	}
	switch text[0] {
	case '@', '|', '/', '[':
		return adblockLine
	}
	if bytes.IndexByte(text, '$') >= 0 || bytes.IndexByte(text, '^') >= 0 {
		if i := bytes.IndexByte(text, '#'); i < 0 || bytes.ContainsAny(text[:i], "$^") {
			return adblockLine
		}
	}
	return domainLine
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

// field cuts the first word off text. rest has no blanks in front.
func field(text []byte) (word, rest []byte) {
	i := bytes.IndexAny(text, " \t")
	if i < 0 {
		return text, nil
	}
	return text[:i], bytes.TrimLeft(text[i:], " \t")
}

// trim takes blanks and byte order marks off a line: files that were put
// together from others have marks in their middle.
func trim(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF")))
}

func hasControl(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7F {
			return true
		}
	}
	return false
}
