package pattern

import (
	"fmt"
	"strings"
)

// Anchor says where in a name a wildcard pattern begins.
type Anchor uint8

// The anchors.
const (
	Anywhere  Anchor = iota // no anchor
	Beginning               // "|": where the name begins
	Label                   // "||": where a label of the name begins
)

// Wildcard is a pattern of ad blockers for host names.
type Wildcard struct {
	// Text is what stands between the anchors: letters, digits, dots, '-', '_',
	// and '*' for any run of characters, dots included and none included.
	Text  string
	Start Anchor
	End   bool // "|" or "^" at the end: the pattern ends where the name ends
}

// Compile returns the pattern for w.
func (w Wildcard) Compile() (*Pattern, error) {
	if len(w.Text) > maxText {
		return nil, ErrLong
	}
	p := new(Pattern)
	open := ""
	switch w.Start {
	case Beginning:
		p.kind, open = beginning, "|"
	case Label:
		p.kind, open = label, "||"
	}
	text := []byte(w.Text)
	for i, c := range text {
		switch {
		case 'A' <= c && c <= 'Z':
			text[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		case c == '*':
			continue
		case c == '^':
			return nil, ErrSeparator
		default:
			return nil, fmt.Errorf("%w: %q", ErrCharacter, c)
		}
		p.min++
	}
	body := string(text)
	p.needs = wildcardNeeds(body, w.Start, w.End)
	p.text = open + body
	if w.End {
		p.kind |= end
		p.text += "^"
	}
	return p, nil
}

// wildcardBody returns what stands between the anchors.
func wildcardBody(text string, k kind) string {
	switch {
	case k&beginning != 0:
		text = text[1:]
	case k&label != 0:
		text = text[2:]
	}
	if k&end != 0 {
		text = text[:len(text)-1]
	}
	return text
}

// wildcardNeeds returns what every match of a wildcard pattern contains.
func wildcardNeeds(body string, start Anchor, end bool) [][]string {
	pieces := strings.Split(body, "*")
	last := len(pieces) - 1
	if end && pieces[last] != "" {
		pieces[last] += endMark
	}
	var n needs
	if first := pieces[0]; first != "" {
		switch start {
		case Beginning:
			pieces[0] = beginMark + first
		case Label:
			n.add([]string{beginMark + first, "." + first})
		}
	}
	for _, piece := range pieces {
		n.add([]string{piece})
	}
	return n.sets
}

// matchWildcard matches the body of a wildcard pattern against a name. Of the
// places where a piece can be, the first one leaves the most to those behind it.
func matchWildcard(body string, k kind, name []byte) bool {
	piece, rest, more := strings.Cut(body, "*")
	if !more {
		return matchPiece(piece, k, name)
	}
	at := 0
	switch {
	case k&beginning != 0:
		if !hasPrefix(name, piece) {
			return false
		}
	case k&label != 0:
		at = indexLabel(name, piece)
	default:
		at = index(name, piece)
	}
	if at < 0 {
		return false
	}
	name = name[at+len(piece):]
	for {
		piece, rest, more = strings.Cut(rest, "*")
		if !more {
			return matchPiece(piece, k&end, name)
		}
		if at = index(name, piece); at < 0 {
			return false
		}
		name = name[at+len(piece):]
	}
}

// matchPiece matches text without '*'.
func matchPiece(piece string, k kind, name []byte) bool {
	if k&end == 0 {
		switch {
		case k&beginning != 0:
			return hasPrefix(name, piece)
		case k&label != 0:
			return indexLabel(name, piece) >= 0
		}
		return index(name, piece) >= 0
	}
	at := len(name) - len(piece)
	if at < 0 || string(name[at:]) != piece {
		return false
	}
	switch {
	case k&beginning != 0:
		return at == 0
	case k&label != 0:
		return at == 0 || name[at-1] == '.'
	}
	return true
}

func hasPrefix(name []byte, s string) bool {
	return len(name) >= len(s) && string(name[:len(s)]) == s
}

// index is bytes.Index for a string, which cannot be had as bytes without a copy.
func index(name []byte, s string) int {
	for i := 0; i+len(s) <= len(name); i++ {
		if string(name[i:i+len(s)]) == s {
			return i
		}
	}
	return -1
}

// indexLabel returns the first beginning of a label at which s stands.
func indexLabel(name []byte, s string) int {
	for i := 0; i+len(s) <= len(name); i++ {
		if (i == 0 || name[i-1] == '.') && string(name[i:i+len(s)]) == s {
			return i
		}
	}
	return -1
}
