package blocklists

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// modifiers reads the modifiers of the present rule. A rule with one that is not
// known, or that browsers only can obey, has none of them applied: the reason is
// returned and the rule must be skipped.
func (r *reader) modifiers(text []byte) reason {
	c := &r.cond
	*c = Condition{Types: c.Types[:0], NotTypes: c.NotTypes[:0], Clients: c.Clients[:0], NotClients: c.NotClients[:0], DenyAllow: c.DenyAllow[:0]}
	var rewrites [][]byte
	for more := true; more; {
		var m []byte
		var why reason
		if m, text, more, why = cutModifier(text); why != "" {
			return why
		}
		key, value, valued := bytes.Cut(m, []byte("="))
		switch string(key) {
		case "important", "badfilter":
			if valued {
				return whyModifier
			}
			if key[0] == 'i' {
				r.p.f |= flagImportant
			} else {
				r.p.f |= flagBadfilter
			}
		case "dnstype":
			why = c.addTypes(value)
		case "client":
			why = c.addClients(value)
		case "denyallow":
			why = r.addDenyAllow(c, value)
		case "dnsrewrite":
			rewrites = append(rewrites, value)
		default:
			why = whyModifier
		}
		if why != "" {
			return why
		}
	}
	if len(rewrites) > 0 {
		if why := r.rewrite(rewrites); why != "" {
			return why
		}
	}
	c.normalize()
	r.p.cond = r.in.condition(c)
	return ""
}

// allows reports whether the present rule allows.
func (r *reader) allows() bool { return r.allow || r.p.f&flagAllow != 0 }

// cutModifier cuts the first modifier off text, at a comma that neither has a
// backslash in front nor stands in the quotes around a client's name. more says
// whether another one follows. A comment behind modifiers without free text is
// left out.
func cutModifier(text []byte) (m, rest []byte, more bool, why reason) {
	quoting := bytes.HasPrefix(text, []byte("client="))
	free := quoting || bytes.HasPrefix(text, []byte("dnsrewrite="))
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case quoting && (c == '"' || c == '\'') && bytes.IndexByte([]byte("=|~"), text[i-1]) >= 0:
			quote = c
		case c == ',':
			return text[:i], text[i+1:], true, ""
		case !free && (c == ' ' || c == '\t'):
			if !isComment(text[i:]) {
				return nil, nil, false, whyModifier
			}
			return text[:i], nil, false, ""
		}
	}
	if quote != 0 {
		return nil, nil, false, whyValue
	}
	return text, nil, false, ""
}

// unescapeCommas takes the backslash off escaped commas. Other backslashes stay:
// the text of records has its own.
func unescapeCommas(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			if text[i] != ',' {
				out = append(out, '\\')
			}
		}
		out = append(out, text[i])
	}
	return out
}

// addTypes reads the value of $dnstype: types separated by |, with ~ in front
// for those that the rule is not for.
func (c *Condition) addTypes(value []byte) reason {
	for more := true; more; {
		var word []byte
		word, value, more = bytes.Cut(value, []byte("|"))
		word, not := bytes.CutPrefix(word, []byte("~"))
		t := typeOf(word)
		switch {
		case t == 0:
			return whyValue
		case not:
			c.NotTypes = append(c.NotTypes, t)
		default:
			c.Types = append(c.Types, t)
		}
	}
	return ""
}

// addClients reads the value of $client: addresses, networks and names,
// separated by |, with ~ in front for those that the rule is not for. Names may
// stand in quotes.
func (c *Condition) addClients(value []byte) reason {
	for more := true; more; {
		var not bool
		value, not = bytes.CutPrefix(value, []byte("~"))
		var text []byte
		var ok bool
		if text, value, more, ok = cutClient(value); !ok || len(text) == 0 {
			return whyValue
		}
		m := ClientMatch{Name: string(text)}
		if p, ok := parsePrefix(text); ok {
			m = ClientMatch{Prefix: p}
		} else if isPrefix(text) { // an address with a zone, a prefix too long
			return whyValue
		}
		if not {
			c.NotClients = append(c.NotClients, m)
		} else {
			c.Clients = append(c.Clients, m)
		}
	}
	return ""
}

// cutClient cuts the first client off a value of $client and takes off its
// quotes and backslashes.
func cutClient(value []byte) (client, rest []byte, more, ok bool) {
	quote := byte(0)
	if len(value) > 0 && (value[0] == '"' || value[0] == '\'') {
		quote, value = value[0], value[1:]
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && i+1 < len(value) && (quote != 0 || bytes.IndexByte([]byte(`|,'"\`), value[i+1]) >= 0):
			i++
			client = append(client, value[i])
		case quote != 0 && c == quote:
			rest = value[i+1:]
			if len(rest) == 0 {
				return client, nil, false, true
			}
			return client, rest[1:], true, rest[0] == '|'
		case quote == 0 && c == '|':
			return client, value[i+1:], true, true
		default:
			client = append(client, c)
		}
	}
	return client, nil, false, quote == 0
}

// addDenyAllow reads the value of $denyallow: names separated by |.
func (r *reader) addDenyAllow(c *Condition, value []byte) reason {
	for more := true; more; {
		var word []byte
		word, value, more = bytes.Cut(value, []byte("|"))
		name, _, why := r.wire.put(word)
		if why != "" {
			return whyValue
		}
		c.DenyAllow = append(c.DenyAllow, dnswire.Name(name))
	}
	return ""
}

// normalize brings conditions that say the same into one form.
func (c *Condition) normalize() {
	for _, types := range []*[]uint16{&c.Types, &c.NotTypes} {
		slices.Sort(*types)
		*types = slices.Compact(*types)
	}
	for _, clients := range []*[]ClientMatch{&c.Clients, &c.NotClients} {
		slices.SortFunc(*clients, ClientMatch.compare)
		*clients = slices.Compact(*clients)
	}
	slices.Sort(c.DenyAllow)
	c.DenyAllow = slices.Compact(c.DenyAllow)
}

func (m ClientMatch) compare(other ClientMatch) int {
	return cmp.Or(cmp.Compare(m.Name, other.Name), m.Prefix.Compare(other.Prefix))
}

// typeText returns the mnemonic of a type, TYPEnn for those without.
func typeText(t uint16) string {
	if s := dns.Type(t).String(); typeOf([]byte(s)) == t {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}
