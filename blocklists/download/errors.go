package download

import (
	"errors"
	"fmt"
)

// Reason is why a fetch has brought nothing new to use: a small fixed set, fit for
// a metric's label.
type Reason string

// The reasons.
const (
	Network    Reason = "network" // no answer, or not the whole of it in time
	HTTPStatus Reason = "status"  // neither the text nor "not modified", or a redirect that is not followed
	Size       Reason = "size"    // larger than the limit
	HTML       Reason = "html"    // a web page: Inspect says ErrHTML
	Binary     Reason = "binary"  // no list in another way: Inspect says anything else
	Empty      Reason = "empty"   // no rule in it
	Shrunk     Reason = "shrunk"  // fewer than 60 % of the rules of the copy from the same URL
	Disk       Reason = "disk"    // the copy or what is known of it cannot be written
)

// Errors that Options.Inspect wraps, for Reason to tell them apart.
var (
	ErrHTML   = errors.New("a web page")
	ErrBinary = errors.New("not a text")
)

// ErrClosed is the error of a Refresh that Close has ended or come before.
var ErrClosed = errors.New("download: closed")

// Error is the failure to bring a list up to date. The copy is as it was.
type Error struct {
	List   string // its name
	Reason Reason
	Err    error
}

// Error names the list and says what happened.
func (e *Error) Error() string { return fmt.Sprintf("list %q: %v", e.List, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// because is an Error that does not yet know its list.
func because(r Reason, err error) *Error { return &Error{Reason: r, Err: err} }

func becausef(r Reason, format string, args ...any) *Error {
	return because(r, fmt.Errorf(format, args...))
}
