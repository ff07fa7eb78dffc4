package pattern

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// Reasons for a pattern not to be taken, for errors.Is. What Regexp, Compile
// and Add return may say more.
var (
	ErrSyntax     = errors.New("not a regular expression")
	ErrLookaround = errors.New("look-around and back-references are not supported: regular expressions are RE2")
	ErrLong       = fmt.Errorf("pattern longer than %d bytes", maxText)
	ErrLarge      = errors.New("regular expression with too many repetitions")
	ErrSeparator  = errors.New("'^' inside a pattern matches nothing in a host name")
	ErrCharacter  = errors.New("a character that is in no host name")
	ErrLoose      = errors.New("too many patterns without fixed text in them")
	ErrFull       = errors.New("too many patterns")
)

// maxText is how long a pattern may be, in bytes. The longest in published lists
// are alternatives of some dozen names; a name has 253 characters.
const maxText = 1000

// Pattern is a regular expression or wildcard pattern, ready to be matched. It
// is immutable and safe for concurrent use.
type Pattern struct {
	text string // as String returns it
	kind kind
	min  int // length of the shortest name that can match, at most maxText

	// needs are sets of texts. For each set, every name that matches contains one
	// text of the set at least, if the name is written between beginMark and endMark.
	// The rarest set is the first one. There is none if no text is rare enough to be
	// worth looking for.
	needs [][]string

	// For regular expressions:
	prog    []instr
	classes []class // what prog's class instructions are indexes of
}

// kind says what a pattern is and where it is tied to the name.
type kind uint8

const (
	isRegexp  kind = 1 << iota // otherwise a wildcard
	beginning                  // matches only from the beginning of the name
	label                      // matches only from the beginning of a label
	end                        // matches only to the end of the name
)

// Regexp returns the pattern for a regular expression in the syntax of package
// regexp, without slashes around it. It is matched against a name in text form,
// anywhere in it, and letters of both cases are the same.
func Regexp(expr string) (*Pattern, error) {
	if len(expr) > maxText {
		return nil, ErrLong
	}
	re, err := syntax.Parse(expr, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, syntaxError(err)
	}
	shortest, size := measure(re)
	if size > maxProg {
		return nil, ErrLarge
	}
	re = re.Simplify()
	prog, err := syntax.Compile(re)
	if err != nil {
		return nil, syntaxError(err)
	}
	p := &Pattern{text: "/" + expr + "/", kind: isRegexp, min: shortest, needs: needsOf(re)}
	if p.prog, p.classes, err = compile(prog); err != nil {
		return nil, err
	}
	if prog.StartCond()&syntax.EmptyBeginText != 0 {
		p.kind |= beginning
	}
	return p, nil
}

// syntaxError tells expressions that other engines understand from others.
func syntaxError(err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	for _, mark := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P=", `\k`} {
		if strings.HasPrefix(e.Expr, mark) {
			return ErrLookaround
		}
	}
	if e.Code == syntax.ErrInvalidEscape && len(e.Expr) > 1 && '1' <= e.Expr[1] && e.Expr[1] <= '9' {
		return ErrLookaround
	}
	return fmt.Errorf("%w: %s: %q", ErrSyntax, e.Code, e.Expr)
}

// String returns the pattern as block lists write it: a regular expression
// between slashes, a wildcard pattern with its anchors.
func (p *Pattern) String() string { return p.text }

// Match reports whether the pattern matches a name in text form, in lower case
// and without the dot at the end. A byte that is not ASCII is one character that
// no pattern names. No pattern matches the root, written "" or ".".
func (p *Pattern) Match(name []byte) bool {
	if isRoot(name) || len(name) < p.min {
		return false
	}
	if p.kind&isRegexp == 0 {
		return matchWildcard(wildcardBody(p.text, p.kind), p.kind, name)
	}
	return run(p.prog, p.classes, p.kind&beginning != 0, name)
}

func isRoot(name []byte) bool { return len(name) == 0 || string(name) == "." }
