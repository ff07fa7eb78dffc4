package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"tundns/dnswire"
)

// Errors of transports and groups.
var (
	ErrClosed     = errors.New("upstream: closed")
	ErrMalformed  = errors.New("upstream: malformed reply")
	ErrMismatch   = errors.New("upstream: reply to another question")
	ErrOverloaded = errors.New("upstream: too many queries in flight")
	ErrQuery      = errors.New("upstream: the query is not a message with one question")
)

var errPanic = errors.New("upstream: panic in a transport")

// Cause is why an exchange gave no final answer: a small fixed set, fit for a
// metric's label.
type Cause string

// The causes of failure.
const (
	Timeout      Cause = "timeout"       // silence
	Refused      Cause = "refused"       // connection refused, or ICMP port unreachable
	Reset        Cause = "reset"         // the connection or stream was closed before the reply
	Unreachable  Cause = "unreachable"   // no route
	NoAddress    Cause = "no_address"    // where the server is could not be found out
	TLS          Cause = "tls"           // handshake or certificate
	HTTPStatus   Cause = "http_status"   // other than 200
	MediaType    Cause = "media_type"    // other than application/dns-message
	Malformed    Cause = "malformed"     // not a DNS response
	Mismatch     Cause = "mismatch"      // a response to another question
	Servfail     Cause = "servfail"      // rcode SERVFAIL
	QueryRefused Cause = "query_refused" // rcode REFUSED
	Truncated    Cause = "truncated"     // TC, and TCP did not bring the rest
	Overloaded   Cause = "overloaded"    // our own limits
	Panicked     Cause = "panic"         // a defect of this program's
	Network      Cause = "network"       // anything else
)

// resultOK is the result of an exchange with a final answer, beside the causes.
const resultOK Cause = "ok"

// StatusError is an HTTP status other than 200.
type StatusError int

func (e StatusError) Error() string { return fmt.Sprintf("upstream: HTTP status %d", int(e)) }

// MediaTypeError is the Content-Type of a reply that is not
// application/dns-message.
type MediaTypeError string

func (e MediaTypeError) Error() string {
	return fmt.Sprintf("upstream: reply of media type %.60q", string(e))
}

// tlsError marks what failed during a TLS handshake.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "upstream: TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// connError marks the failure of a connection that had been set up, as against
// one of its server: another connection may do better.
type connError struct{ err error }

func (e *connError) Error() string { return "upstream: connection lost: " + e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

// streamError marks an exchange that the server has given up, on a connection
// that goes on.
type streamError struct{ err error }

func (e *streamError) Error() string { return "upstream: given up by the server: " + e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// causeOf classifies the error of a Transport.
func causeOf(err error) Cause {
	var (
		status   StatusError
		media    MediaTypeError
		conn     *connError
		stream   *streamError
		nowhere  *placeError
		tlsErr   *tlsError
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		netError net.Error
	)
	switch {
	case errors.Is(err, errPanic):
		return Panicked
	case errors.As(err, &nowhere):
		return NoAddress
	case errors.Is(err, ErrMalformed):
		return Malformed
	case errors.Is(err, ErrMismatch):
		return Mismatch
	case errors.As(err, &status):
		return HTTPStatus
	case errors.As(err, &media):
		return MediaType
	case errors.Is(err, ErrOverloaded), isExhaustion(err):
		return Overloaded
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.As(err, &tlsErr), errors.As(err, &verify), errors.As(err, &unknown):
		return TLS
	case isErrno(err, syscall.ECONNREFUSED):
		return Refused
	case isErrno(err, syscall.ENETUNREACH), isErrno(err, syscall.EHOSTUNREACH), isErrno(err, syscall.EADDRNOTAVAIL):
		return Unreachable
	case isErrno(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Reset
	case errors.As(err, &netError) && netError.Timeout():
		return Timeout
	case errors.As(err, &conn), errors.As(err, &stream):
		return Reset
	}
	return Network
}

// isExhaustion reports whether err is a lack of this machine's own resources,
// which says nothing about the server.
func isExhaustion(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || isErrno(err, syscall.ENOBUFS)
}

// Failure is how one server of a group failed.
type Failure struct {
	Upstream string // its Transport's String
	Cause    Cause
	Err      error // nil when the cause is an rcode
}

// Error is what is left when no server of a group has replied at all. It
// unwraps to the servers' errors.
type Error struct {
	Group    string
	Failures []Failure // one for each server, in the group's order
}

func (e *Error) Error() string {
	if len(e.Failures) == 0 {
		return fmt.Sprintf("upstream group %q has no servers", e.Group)
	}
	return fmt.Sprintf("upstream group %q: %s", e.Group, e.text(1<<10))
}

// Unwrap returns the servers' errors.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, f := range e.Failures {
		if f.Err != nil {
			errs = append(errs, f.Err)
		}
	}
	return errs
}

// EDE says the same as an Extended DNS Error (RFC 8914): 22 (No Reachable
// Authority) when no server could be reached, 23 (Network Error) when one was
// reached and the exchange failed. Its text names each server and cause and has
// at most dnswire.MaxEDEText bytes.
func (e *Error) EDE() dnswire.EDE {
	code := dnswire.EDENoReachable
	for _, f := range e.Failures {
		switch f.Cause {
		case Timeout, Refused, Unreachable, NoAddress:
		default:
			code = dnswire.EDENetworkError
		}
	}
	return dnswire.EDE{Code: code, Text: e.text(dnswire.MaxEDEText)}
}

// text lists servers and causes in at most limit bytes. Servers that do not fit
// are counted.
func (e *Error) text(limit int) string {
	var b strings.Builder
	for i, f := range e.Failures {
		part := f.Upstream + ": " + string(f.Cause)
		sep := ""
		if i > 0 {
			sep = "; "
		}
		more := fmt.Sprintf("%s%d more", sep, len(e.Failures)-i)
		if b.Len()+len(sep)+len(part)+len("; 99 more") > limit {
			b.WriteString(more)
			break
		}
		b.WriteString(sep + part)
	}
	return b.String()
}
