package blocklists

import "bytes"

// bare reads what stands alone in a line. What a name or pattern without any
// marks means depends on the format.
func (r *reader) bare(text []byte) {
	under, starred := bytes.CutPrefix(text, []byte("*."))
	only, exact := bytes.CutPrefix(text, []byte("="))
	below, dotted := bytes.CutPrefix(text, []byte("."))
	switch {
	case len(bytes.Trim(text, "*.")) == 0:
		r.everything(text)
	case exact:
		r.name(only, Exact)
	case bytes.IndexByte(under, '*') >= 0:
		r.glob(text)
	case starred:
		r.name(under, Subtree)
	case dotted && r.format == Adblock:
		r.wildcard(text)
	case dotted:
		r.name(below, Subtree)
	case string(text) == "0.0.0.0", string(text) == "::": // left behind by hosts files
	case isPrefix(text):
		r.address(text)
	case (r.format == Dnsmasq || r.format == Unbound) && bytes.IndexByte(text, '.') < 0:
		r.out.skip(whyOption)
	default:
		r.name(text, r.bareScope())
	}
}

// bareScope returns the scope of a bare name.
func (r *reader) bareScope() Scope {
	if r.format == Domains && !r.exact || r.format == Dnsmasq || r.format == Unbound {
		return Subtree
	}
	return Exact
}

// glob reads a pattern without anchors. In adblock lists it may be anywhere in a
// name, elsewhere it is the whole name as in a shell.
func (r *reader) glob(text []byte) {
	if r.format == Adblock {
		r.wildcard(text)
		return
	}
	r.text = append(r.text[:0], '|')
	r.text = append(r.text, text...)
	r.text = append(r.text, '^')
	r.wildcard(r.text)
}

// everything reads a line of nothing but stars and dots.
func (r *reader) everything(text []byte) {
	switch {
	case bytes.IndexByte(text, '*') < 0:
		r.out.skip(whyName)
	case r.wide || r.p.cond != nil:
		r.whole()
	default:
		r.out.skip(whyWide)
	}
}
