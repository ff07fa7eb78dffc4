package blocklists

import "bytes"

// adblock reads a rule in the syntax of ad blockers as far as it speaks of whole
// host names: anchors at both ends, @@ for exceptions, the modifier important.
// All else needs a pattern, a regular expression or a browser and is skipped
// whole.
func (r *reader) adblock(text []byte) {
	var f flags
	text, ok := bytes.CutPrefix(text, []byte("@@"))
	if ok {
		f |= flagAllow
	}
	if len(text) > 0 && text[0] == '/' {
		r.out.skip(slashed(text))
		return
	}
	pattern, modifiers, modified := bytes.Cut(text, []byte("$"))
	if modified {
		if !onlyImportant(modifiers) {
			r.out.skip(whyModifier)
			return
		}
		f |= flagImportant
	}
	switch {
	case bytes.HasPrefix(pattern, []byte("||")):
		r.anchored(pattern[2:], f|flagSubtree)
	case bytes.HasPrefix(pattern, []byte("|")):
		r.anchored(pattern[1:], f)
	case bytes.HasPrefix(pattern, []byte("=")), bytes.HasPrefix(pattern, []byte("*.")):
		r.plain(pattern, f)
	default:
		r.unanchored(pattern)
	}
}

// anchored reads what follows the anchor of a pattern. Without an end the
// pattern also matches names that only start like it: ||ad.example means
// ad.examples.test, too.
func (r *reader) anchored(rest []byte, f flags) {
	name, ended := bytes.CutSuffix(rest, []byte("|"))
	name, separated := bytes.CutSuffix(name, []byte("^"))
	switch {
	case len(bytes.Trim(name, "*.")) == 0:
		r.out.skip(whyWide)
	case bytes.IndexByte(name, '/') >= 0:
		r.out.skip(misfit(name))
	case !ended && !separated:
		r.out.skip(whyPattern)
	default:
		r.name(name, f)
	}
}

// unanchored skips a pattern that matches anywhere in a name or URL.
func (r *reader) unanchored(pattern []byte) {
	switch {
	case len(bytes.Trim(pattern, "*.^|")) == 0:
		r.out.skip(whyWide)
	case bytes.IndexByte(pattern, '/') >= 0:
		r.out.skip(misfit(pattern))
	default:
		r.out.skip(whyPattern)
	}
}

// slashed tells /regular expressions/ from paths.
func slashed(text []byte) reason {
	if end := bytes.LastIndexByte(text, '/'); end > 0 && (end == len(text)-1 || text[end+1] == '$') {
		return whyRegexp
	}
	return whyPath
}

func onlyImportant(modifiers []byte) bool {
	for more := true; more; {
		var m []byte
		if m, modifiers, more = bytes.Cut(modifiers, []byte(",")); string(m) != "important" {
			return false
		}
	}
	return true
}
