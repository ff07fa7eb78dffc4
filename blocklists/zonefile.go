package blocklists

import (
	"bytes"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// zone is the state of a zone file between its lines, RFC 1035 section 5.1.
type zone struct {
	// origin is what relative names are below and apex the name of the zone, in
	// presentation form, small letters, without the dot at the end. Before they are
	// told they are empty, and owners are what they look like.
	origin   string
	apex     string
	explicit bool // origin was told by $ORIGIN

	owner []byte // of the last record, for those that start with a blank

	// An entry in parentheses goes on in the next line.
	depth int
	entry []byte // what has been read of it
	first parsed // where it begins
}

func (z *zone) open() bool { return z.depth > 0 }

func (z *zone) close() { z.depth, z.entry = 0, z.entry[:0] }

func (z *zone) originName() dnswire.Name {
	name, err := dnswire.ParseName(z.origin + ".")
	if err != nil {
		return dnswire.Root
	}
	return name
}

// record reads a line of a zone file.
func (r *reader) record(text []byte) {
	z := &r.zone
	text = bytes.TrimRight(bytes.TrimPrefix(text, []byte("\uFEFF")), " \t\r")
	m := marksIn(text)
	if m&control != 0 {
		r.out.skip(whyControl)
		return
	}
	if z.depth == 0 {
		if len(text) == 0 || text[0] == '#' || text[0] == '!' {
			return
		}
		if m&grouping == 0 {
			r.entry(text)
			return
		}
		z.first = r.p
	}
	if len(z.entry)+len(text) > maxLine {
		z.close()
		r.out.skip(whyLine)
		return
	}
	if !z.add(text) {
		z.close()
		r.out.skip(whyParenthesis)
		return
	}
	if z.depth > 0 {
		return
	}
	r.p = z.first
	entry := bytes.TrimRight(z.entry, " \t")
	if len(bytes.TrimLeft(entry, " \t")) > 0 {
		r.entry(entry)
	}
	z.entry = z.entry[:0]
}

// add adds a line to the entry: its comment is left out, and blanks stand for
// parentheses. It reports false if these do not match or a quote is open.
func (z *zone) add(text []byte) bool {
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			z.entry = append(z.entry, c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			i = len(text)
			c = ' '
		case c == '(':
			z.depth++
			c = ' '
		case c == ')':
			z.depth--
			c = ' '
		}
		if z.depth < 0 {
			return false
		}
		z.entry = append(z.entry, c)
	}
	z.entry = append(z.entry, ' ') // the end of the line parts words
	return !quoted
}

// entry reads a whole entry: a directive or a record.
func (r *reader) entry(text []byte) {
	z := &r.zone
	rest := text
	if text[0] == ' ' || text[0] == '\t' {
		rest = bytes.TrimLeft(text, " \t")
	} else {
		var owner []byte
		owner, rest = field(text)
		if owner[0] == '$' {
			r.directive(owner, rest)
			return
		}
		z.owner = append(z.owner[:0], owner...)
	}
	t, data := cutType(rest)
	if len(z.owner) == 0 || t == 0 || len(data) == 0 {
		r.out.skip(whyRecord)
		return
	}
	if t == dns.TypeSOA {
		z.start(z.owner)
	}
	if skipType(t) {
		return
	}
	trigger, ok := r.inZone(z.owner)
	switch {
	case !ok:
		r.out.skip(whyZone)
	case len(trigger) > 0: // the zone itself triggers nothing
		r.policy(trigger, t, data)
	}
}

// directive reads a line that starts with $.
func (r *reader) directive(key, value []byte) {
	z := &r.zone
	word, rest := field(value)
	switch {
	case bytes.EqualFold(key, []byte("$TTL")):
	case !bytes.EqualFold(key, []byte("$ORIGIN")) || len(rest) > 0 || len(word) == 0:
		r.out.skip(whyDirective)
	default:
		origin := z.absolute(word)
		if _, err := dnswire.ParseName(origin + "."); err != nil {
			r.out.skip(whyName)
			return
		}
		z.origin, z.explicit = origin, true
		if z.apex == "" {
			z.apex = origin
		}
	}
}

// start begins the zone whose SOA has the given owner.
func (z *zone) start(owner []byte) {
	z.apex = z.absolute(owner)
	if !z.explicit {
		z.origin = z.apex
	}
}

// absolute returns a name as origin and apex are kept.
func (z *zone) absolute(name []byte) string {
	if string(name) == "@" {
		return z.origin
	}
	low := string(bytes.ToLower(name))
	if short := low[:len(low)-1]; low[len(low)-1] == '.' {
		return short
	}
	if z.origin != "" {
		low += "." + z.origin
	}
	return low
}

// inZone takes the name of the zone off an owner. It reports false for owners
// outside of the zone. The zone's own name gives an empty text.
func (r *reader) inZone(owner []byte) (trigger []byte, ok bool) {
	z := &r.zone
	last := len(owner) - 1
	if string(owner) != "@" && owner[last] != '.' && z.origin == z.apex {
		return owner, true
	}
	text := r.text[:0]
	switch {
	case string(owner) == "@":
		text = append(text, z.origin...)
	case owner[last] == '.':
		text = append(text, owner[:last]...)
	case z.origin == "":
		text = append(text, owner...)
	default:
		text = append(append(append(text, owner...), '.'), z.origin...)
	}
	r.text = text
	if z.apex == "" {
		return text, true
	}
	at := len(text) - len(z.apex)
	switch {
	case at < 0 || !bytes.EqualFold(text[at:], []byte(z.apex)):
		return nil, false
	case at == 0:
		return nil, true
	}
	return text[:at-1], text[at-1] == '.'
}
