package blocklists

import (
	"bytes"
	"net/netip"

	"tundns/blocklists/pattern"
	"tundns/dnswire"
)

// sink receives what the lines of a list hold.
type sink interface {
	// rule takes a rule. What it points to is only good during the call, but for
	// the pattern, the condition and the reply, which do not change.
	rule(r *parsed)
	// skip says why the line that is being read, or a name in it, gives no rule.
	skip(why reason)
}

// parsed is a rule as its line says it: for a name, a pattern or addresses; the
// other two are empty.
type parsed struct {
	line    int    // where it begins, from 1
	name    []byte // in wire form, lower case
	scope   Scope  // of name
	pattern *pattern.Pattern
	prefix  netip.Prefix // masked, IPv4 as IPv4
	f       flags
	cond    *Condition // equal conditions of one load are the same pointer; nil is always
	reply   *Reply     // likewise; nil is the client group's way
}

// rule returns p as a rule of the list with the given name and index.
func (p *parsed) rule(list string, index int) Rule {
	r := Rule{
		List:      list,
		Line:      p.line,
		Action:    Action(p.f & flagAllow / flagAllow),
		Important: p.f&flagImportant != 0,
		Badfilter: p.f&flagBadfilter != 0,
		Name:      dnswire.Name(p.name),
		Scope:     p.scope,
		Prefix:    p.prefix,
		Condition: p.cond,
		Reply:     p.reply,
		list:      index,
	}
	if p.pattern != nil {
		r.Pattern = p.pattern.String()
	}
	return r
}

// reader turns the lines of one list into rules. It is not safe for concurrent
// use.
type reader struct {
	format Format // not Auto
	exact  bool   // bare names in a domain list are exact
	allow  bool   // all rules allow
	wide   bool   // no rule is too wide
	out    sink
	in     *interned

	p       parsed // the rule of the line that is being read, handed to out
	wire    nameBuffer
	text    []byte    // scratch for texts that are put together
	cond    Condition // scratch for modifiers
	pending pending   // what the next lines may add to
	zone    zone      // of zone files

	// Of unbound.conf: the name of the last local-zone if it ignores its data, and
	// whether another clause than server has begun.
	closed []byte
	clause bool
}

// newReader returns a reader for a list in the given format. All readers of one
// load share in.
func newReader(s *Source, format Format, in *interned, out sink) *reader {
	return &reader{format: format, exact: s.ExactDomains, allow: s.Action == Allow, wide: s.AllowWide, in: in, out: out}
}

// line reads the line with number n, without its end but not trimmed. It keeps
// nothing of text. What takes several lines is passed on with a later line or
// with end.
func (r *reader) line(n int, text []byte) {
	r.p = parsed{line: n}
	if r.format == RPZ || r.zone.open() {
		r.record(text)
		return
	}
	text = trim(text)
	m := marksIn(text)
	if m&^star == 0 && r.plain(text, m) {
		return
	}
	look := lookOf(text, m, r.format)
	if m&control != 0 && look != comment && look != cosmetic {
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
	case dnsmasqLine:
		r.dnsmasq(text)
	case unboundLine:
		r.unbound(text)
	case zoneLine:
		r.record(text)
	default:
		r.domain(text)
	}
}

// plain reads a line of nothing but a name or *.name that is in order, which
// most are. It reports false for others. The line has the marks m.
func (r *reader) plain(text []byte, m marks) bool {
	scope := r.bareScope()
	if m == star {
		if len(text) < 2 || text[0] != '*' || text[1] != '.' {
			return false
		}
		text, scope = text[2:], Subtree
	}
	name, labels := r.wire.plain(text)
	if labels < 2 {
		return false
	}
	r.p.name, r.p.scope = name, scope
	r.emit()
	return true
}

// end passes on what the last lines have left open.
func (r *reader) end() {
	if r.zone.open() {
		r.out.skip(whyParenthesis)
		r.zone.close()
	}
	r.release()
}

// name reads the name in text and passes on the rule for it.
func (r *reader) name(text []byte, scope Scope) {
	if r.owner(text, scope) {
		r.emit()
	}
}

// owner makes the present rule one for the name in text. It reports false if
// that is skipped.
func (r *reader) owner(text []byte, scope Scope) bool {
	name, labels, why := r.wire.put(text)
	if why == "" && labels == 1 && r.refusesWide() {
		why = whyWide
	}
	if why != "" {
		r.out.skip(why)
		return false
	}
	r.p.name, r.p.scope = name, scope
	return true
}

// refusesWide reports whether the present rule is refused if it is too wide.
// Those that allow or apply to some questions only hide little, and the user's
// own may be as wide as the user likes.
func (r *reader) refusesWide() bool {
	return r.p.f&flagAllow == 0 && !r.allow && !r.wide && r.p.cond == nil
}

// emit passes the present rule on, behind what the lines before have left open.
func (r *reader) emit() {
	if r.pending.on {
		r.release()
	}
	r.pass(&r.p)
}

// pass hands a rule to the sink. In a list that allows, a rule that blocks in
// some way of its own allows, and one that prescribes an answer is skipped.
func (r *reader) pass(p *parsed) {
	if r.allow {
		if p.reply != nil && !p.reply.denies() {
			r.out.skip(whyAllowReply)
			return
		}
		p.f |= flagAllow
		p.reply = nil
	}
	r.out.rule(p)
}

// domain reads a line of a domain list: a name, *.name, .name or =name, a
// pattern or an address, then perhaps a comment behind #, ; or a blank and !.
func (r *reader) domain(text []byte) {
	if i := bytes.IndexAny(text, "#;"); i >= 0 {
		text = bytes.TrimRight(text[:i], " \t")
	}
	name, rest := field(text)
	if len(rest) > 0 && rest[0] != '!' {
		r.out.skip(whyWords)
		return
	}
	r.bare(name)
}
