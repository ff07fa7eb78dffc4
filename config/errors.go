package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxErrors bounds one report: after that many a file is not a configuration at all.
const maxErrors = 50

// Error is one thing wrong in a configuration file.
type Error struct {
	// File is the path given to Load or the name given to Parse.
	File string
	// Line and Column count from 1, the column in bytes; the place is in the file or just
	// behind a line's last byte. A byte order mark does not count.
	Line, Column int
	// Message says what is wrong and what would be right.
	Message string
}

// Error returns "file:line:column: message"; the place alone is left out of an error
// about a configuration that came from no file.
func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors is everything wrong in one file, by ascending position; never empty.
type Errors []*Error

// Error returns the errors one to a line.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i := range e {
		texts[i] = e[i].Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap gives the single errors to errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// Position is a place in a file, counted as in [Error]. The zero Position is none.
type Position struct{ Line, Column int }

// lines are the offsets at which the lines of a file begin.
type lines []int

func linesOf(data []byte) lines {
	l := lines{0}
	for i, c := range data {
		if c == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// position converts an offset.
func (l lines) position(offset int) Position {
	line, begins := slices.BinarySearch(l, offset)
	if begins {
		line++
	}
	return Position{Line: line, Column: offset - l[line-1] + 1}
}

// Errorf returns an error about what c's file has at a place, or about the file as a whole
// where that is the zero Position. The message is as with fmt.Sprintf, on one line.
func (c *Config) Errorf(at Position, format string, args ...any) *Error {
	if at == (Position{}) {
		at = Position{1, 1}
	}
	return &Error{File: c.File, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)}
}

// problem is an Error whose place is still an offset.
type problem struct {
	at      int
	message string
}

// report turns problems into Errors, sorted and bounded.
func report(file string, l lines, problems []problem) Errors {
	slices.SortStableFunc(problems, func(a, b problem) int { return a.at - b.at })
	if len(problems) > maxErrors {
		problems = problems[:maxErrors]
		problems[maxErrors-1].message = "too many errors; the rest is not shown"
	}
	errs := make(Errors, len(problems))
	for i, p := range problems {
		at := l.position(p.at)
		errs[i] = &Error{File: file, Line: at.Line, Column: at.Column, Message: p.message}
	}
	return errs
}

// maxQuoted keeps a message on one line; in bytes.
const maxQuoted = 100

// quote returns s in quotes, shortened if need be.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return fmt.Sprintf("%q", s)
	}
	cut := maxQuoted
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q…", s[:cut])
}

// alternatives returns names as in: "a", "b" or "c".
func alternatives(names []string) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	return b.String()
}
