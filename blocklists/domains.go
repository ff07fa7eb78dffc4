package blocklists

import "bytes"

// domain reads a line of a domain list: a name, *.name or =name, then perhaps a
// comment behind #.
func (r *reader) domain(text []byte) {
	if i := bytes.IndexByte(text, '#'); i >= 0 {
		text = bytes.TrimSpace(text[:i])
	}
	name, rest := field(text)
	if len(rest) > 0 {
		r.out.skip(whyWords)
		return
	}
	r.plain(name, 0)
}

// plain reads the forms of a name that all lists share.
func (r *reader) plain(name []byte, f flags) {
	if string(name) == "*" || string(name) == "*." {
		r.out.skip(whyWide)
		return
	}
	if under, ok := bytes.CutPrefix(name, []byte("*.")); ok {
		r.name(under, f|flagSubtree)
		return
	}
	if only, ok := bytes.CutPrefix(name, []byte("=")); ok {
		r.name(only, f)
		return
	}
	if r.format == Domains && !r.exact {
		f |= flagSubtree
	}
	r.name(name, f)
}
