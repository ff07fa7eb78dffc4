package wgquick

import (
	"fmt"
	"strings"
)

// maxErrors bounds one report: after that many a file is not a wg-quick file at all.
const maxErrors = 50

// Error is one thing wrong in a file. Its text holds no key material.
type Error struct {
	// File is the name given to Load or Parse.
	File string
	// Line counts from 1 and lies in the file. What is missing from a section has the line
	// of the section's header; what is missing from the file has line 1.
	Line int
	// Message says what is wrong and what would be right.
	Message string
}

// Error returns "file:line: message".
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Errors is everything wrong in one file, by ascending line; never empty.
type Errors []*Error

// Error returns the errors one to a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single errors to errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

const (
	// secretRun is the number of successive base64 characters from which on a text may be
	// a piece of a key. Addresses, ports and key names have shorter runs, as '.', ':', '-'
	// and '_' are not in the alphabet.
	secretRun = 20
	// maxQuoted keeps a message on one line.
	maxQuoted = 80
)

// quote returns s for use in a message: in quotes, or a stand-in where s might hold a key
// that went to the wrong place.
func quote(s string) string {
	if len(s) > maxQuoted {
		return "(not shown: too long)"
	}
	run := 0
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/', c == '=':
			run++
		case c == ' ', c == '\t':
			// A key broken by blanks is still a key.
		default:
			run = 0
		}
		if run >= secretRun {
			return "(not shown: it may be a key)"
		}
	}
	return fmt.Sprintf("%q", s)
}
