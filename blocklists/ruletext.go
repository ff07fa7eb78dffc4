package blocklists

import (
	"strings"

	"github.com/miekg/dns"
)

// String returns the rule in one canonical form, whatever its line looked like.
// What the rule is for:
//
//	=name           exactly the name
//	||name^         the name and what is under it
//	|*.name^        what is under it
//	||192.0.2.0/24^ addresses in answers
//	||ad*.name^     a wildcard pattern, /…/ a regular expression
//
// with @@ in front and modifiers behind where they apply. A list of that line, of
// any format but RPZ, gives the same rule.
func (r Rule) String() string {
	b := make([]byte, 0, 64)
	if r.Action == Allow {
		b = append(b, "@@"...)
	}
	switch {
	case r.Pattern != "":
		b = append(b, r.Pattern...)
	case r.Prefix.IsValid():
		b = append(b, "||"...)
		if r.Prefix.IsSingleIP() {
			b = r.Prefix.Addr().AppendTo(b)
		} else {
			b = r.Prefix.AppendTo(b)
		}
		b = append(b, '^')
	case r.Scope == Exact:
		b = append(append(b, '='), r.Name.Text()...)
	case r.Scope == Under:
		b = append(append(append(b, "|*."...), r.Name.Text()...), '^')
	default:
		b = append(append(append(b, "||"...), r.Name.Text()...), '^')
	}
	target := len(b)
	if r.Important {
		b = append(b, ",important"...)
	}
	if r.Badfilter {
		b = append(b, ",badfilter"...)
	}
	if r.Condition != nil {
		b = appendCondition(b, r.Condition)
	}
	if r.Reply != nil {
		b = appendReply(b, r.Reply)
	}
	if len(b) > target {
		b[target] = '$'
	}
	return string(b)
}

// appendCondition appends the modifiers of c, each with a comma in front.
func appendCondition(b []byte, c *Condition) []byte {
	mark := func(key string, first, not bool) {
		switch {
		case first:
			b = append(append(append(b, ','), key...), '=')
		default:
			b = append(b, '|')
		}
		if not {
			b = append(b, '~')
		}
	}
	for i, t := range c.Types {
		mark("dnstype", i == 0, false)
		b = append(b, typeText(t)...)
	}
	for i, t := range c.NotTypes {
		mark("dnstype", i == 0 && len(c.Types) == 0, true)
		b = append(b, typeText(t)...)
	}
	for i, m := range c.Clients {
		mark("client", i == 0, false)
		b = m.append(b)
	}
	for i, m := range c.NotClients {
		mark("client", i == 0 && len(c.Clients) == 0, true)
		b = m.append(b)
	}
	for i, name := range c.DenyAllow {
		mark("denyallow", i == 0, false)
		b = append(b, name.Text()...)
	}
	if c.RewritesOnly {
		b = append(b, ",dnsrewrite"...)
	}
	return b
}

// append appends m as a value of $client. Names are quoted unless they are plain.
func (m ClientMatch) append(b []byte) []byte {
	switch {
	case m.Prefix.IsValid() && m.Prefix.IsSingleIP():
		return m.Prefix.Addr().AppendTo(b)
	case m.Prefix.IsValid():
		return m.Prefix.AppendTo(b)
	case hostChars([]byte(m.Name)):
		return append(b, m.Name...)
	}
	b = append(b, '"')
	for _, c := range []byte(m.Name) {
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// appendReply appends a modifier $dnsrewrite, several for several records, each
// with a comma in front.
func appendReply(b []byte, r *Reply) []byte {
	const key = ",dnsrewrite="
	switch {
	case r.Drop:
		return append(b, key+"DROP"...)
	case r.CNAME != "":
		return append(append(b, key+"NOERROR;CNAME;"...), r.CNAME.Text()...)
	case len(r.Records) == 0:
		return append(append(b, key...), dns.RcodeToString[r.Rcode]...)
	}
	for _, rec := range r.Records {
		b = append(b, key...)
		data := string(appendData(nil, rec))
		if rec.Type != dns.TypeA && rec.Type != dns.TypeAAAA {
			b = append(append(append(b, "NOERROR;"...), typeText(rec.Type)...), ';')
			data = strings.ReplaceAll(data, ",", `\,`)
		}
		b = append(b, data...)
	}
	return b
}
