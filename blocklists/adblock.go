package blocklists

import (
	"bytes"
	"strings"

	"tundns/blocklists/pattern"
)

// adblock reads a rule in the syntax of ad blockers: perhaps @@, a pattern,
// perhaps $ and modifiers.
func (r *reader) adblock(text []byte) {
	if len(text) > 3 && text[0] == '|' && text[1] == '|' && text[len(text)-1] == '^' { // most rules
		if name, labels := r.wire.plain(text[2 : len(text)-1]); labels > 1 {
			r.p.name, r.p.scope = name, Subtree
			r.emit()
			return
		}
	}
	text, ok := bytes.CutPrefix(text, []byte("@@"))
	if ok {
		r.p.f |= flagAllow
	}
	target, modifiers, why := cutModifiers(text)
	if why == "" && modifiers != nil {
		why = r.modifiers(modifiers)
	}
	switch {
	case why != "":
		r.out.skip(why)
	case len(target) > 0 && target[0] == '/':
		r.regexp(target)
	default:
		r.target(target)
	}
}

// cutModifiers splits a rule at the $ in front of its modifiers, which are nil
// without one. A $ within a regular expression is none. A comment behind a
// blank and # or ! is cut off.
func cutModifiers(text []byte) (target, modifiers []byte, why reason) {
	if len(text) > 0 && text[0] == '/' {
		end := regexpEnd(text)
		switch {
		case end == 0:
			return nil, nil, whyPath
		case end < len(text) && text[end] == '$':
			return text[:end], text[end+1:], ""
		}
		return text[:end], nil, ""
	}
	for i, c := range text {
		switch c {
		case '$':
			return text[:i], text[i+1:], ""
		case ' ', '\t':
			if !isComment(text[i:]) {
				return nil, nil, whyWords
			}
			return text[:i], nil, ""
		}
	}
	return text, nil, ""
}

// isComment reports whether blanks and a comment sign are at the start of text.
func isComment(text []byte) bool {
	rest := bytes.TrimLeft(text, " \t")
	return len(rest) < len(text) && len(rest) > 0 && (rest[0] == '#' || rest[0] == '!')
}

// target reads what a rule is for: a name, addresses, or a wildcard pattern.
func (r *reader) target(text []byte) {
	if bytes.HasSuffix(text, []byte("^*")) { // behind the end of the name is nothing more
		text = text[:len(text)-1]
	}
	var (
		body   = bytes.TrimPrefix(bytes.TrimPrefix(text, []byte("|")), []byte("|"))
		anchor = text[:len(text)-len(body)]
		bare   = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("|")), []byte("^"))
		ended  = len(bare) < len(body)
	)
	switch {
	case len(bytes.Trim(bare, "*.")) == 0 && bytes.IndexByte(bare, '*') >= 0:
		r.everything(bare)
	case len(bytes.Trim(bare, ".")) == 0:
		r.out.skip(whyWide)
	case isPrefix(bare):
		r.address(bare)
	case bytes.IndexByte(bare, '/') >= 0:
		r.out.skip(misfit(bare))
	case len(anchor) == 0 && !ended && (bare[0] == '=' || bytes.HasPrefix(bare, []byte("*."))):
		r.bare(bare)
	case ended && len(anchor) > 0 && !bytes.ContainsAny(bare, "*^"):
		scope := Exact
		if len(anchor) == 2 {
			scope = Subtree
		}
		r.name(bare, scope)
	default:
		r.wildcard(text)
	}
}

// wildcard reads a pattern with its anchors. One that only says "below a name"
// gives the rule for that name.
func (r *reader) wildcard(text []byte) {
	w, why := cutWildcard(text)
	if why != "" {
		r.out.skip(why)
		return
	}
	if name, ok := strings.CutPrefix(w.Text, "*."); ok && w.End && strings.IndexByte(name, '*') < 0 {
		r.name([]byte(name), Under)
		return
	}
	p, err := w.Compile()
	r.pattern(p, err)
}

// cutWildcard takes the anchors off a pattern and brings its text into the one
// form that stands for all that mean the same: small letters, no two stars in a
// row, a star at the side that has no anchor.
func cutWildcard(text []byte) (w pattern.Wildcard, why reason) {
	if rest, ok := bytes.CutPrefix(text, []byte("||")); ok {
		text, w.Start = rest, pattern.Label
	} else if rest, ok := bytes.CutPrefix(text, []byte("|")); ok {
		text, w.Start = rest, pattern.Beginning
	}
	text, ended := bytes.CutSuffix(text, []byte("|"))
	text, separated := bytes.CutSuffix(text, []byte("^"))
	w.End = ended || separated
	if len(bytes.Trim(text, "*")) > maxText {
		return w, whyLong
	}
	b := make([]byte, 0, len(text)+2)
	if w.Start == pattern.Anywhere {
		b = append(b, '*')
	}
	for _, c := range text {
		low := hostByte[c]
		switch {
		case c == '*':
			if len(b) > 0 && b[len(b)-1] == '*' {
				continue
			}
			low = c
		case c == '.':
			low = c
		case c == '^':
			return w, whySeparator
		case c == '/':
			return w, whyPath
		case low == 0:
			return w, whyCharacter
		}
		b = append(b, low)
	}
	if !w.End && (len(b) == 0 || b[len(b)-1] != '*') {
		b = append(b, '*')
	}
	if b[0] == '*' {
		w.Start = pattern.Anywhere
	}
	if b[len(b)-1] == '*' {
		w.End = false
	}
	w.Text = string(b)
	return w, ""
}

// regexp reads a regular expression between slashes.
func (r *reader) regexp(text []byte) {
	if len(text) < 2 || text[len(text)-1] != '/' {
		r.out.skip(whyPath)
		return
	}
	p, err := pattern.Regexp(string(text[1 : len(text)-1]))
	r.pattern(p, err)
}

// pattern passes on the rule for p.
func (r *reader) pattern(p *pattern.Pattern, err error) {
	switch {
	case err != nil:
		r.out.skip(patternReason(err))
	case p.TooWide() && r.refusesWide():
		r.out.skip(whyWide)
	default:
		r.p.pattern = p
		r.emit()
	}
}

// whole passes on the rule for every name.
func (r *reader) whole() {
	p, err := pattern.Wildcard{Text: "*"}.Compile()
	r.pattern(p, err)
}
