// Package dnswire reads, checks and edits DNS messages in their wire form
// (RFC 1035 section 4) without unpacking them into record structures.
//
// A message is a []byte that starts with its 12 byte header. Offsets are byte
// offsets from the start of the message. Nothing in this package keeps a
// reference to a message after it returns unless its comment says so, and
// nothing panics on hostile input: every read is checked against the length.
package dnswire

import "errors"

// Limits of RFC 1035 section 2.3.4, in bytes.
const (
	MaxName    = 255   // a name with its length bytes and the root label
	MaxLabel   = 63    // one label without its length byte
	MaxMessage = 65535 // a message, by the 16 bit length in front of it over TCP
	HeaderLen  = 12
)

// Record types that the resolver treats specially.
const (
	TypeA     uint16 = 1
	TypeNS    uint16 = 2
	TypeCNAME uint16 = 5
	TypeSOA   uint16 = 6
	TypePTR   uint16 = 12
	TypeMX    uint16 = 15
	TypeTXT   uint16 = 16
	TypeSIG   uint16 = 24
	TypeAAAA  uint16 = 28
	TypeNXT   uint16 = 30
	TypeSRV   uint16 = 33
	TypeNAPTR uint16 = 35
	TypeDNAME uint16 = 39
	TypeOPT   uint16 = 41
	TypeDS    uint16 = 43
	TypeRRSIG uint16 = 46
	TypeNSEC  uint16 = 47
	TypeKEY   uint16 = 48 // DNSKEY
	TypeNSEC3 uint16 = 50
	TypeSVCB  uint16 = 64
	TypeHTTPS uint16 = 65
	TypeTKEY  uint16 = 249
	TypeTSIG  uint16 = 250
	TypeIXFR  uint16 = 251
	TypeAXFR  uint16 = 252
	TypeMAILB uint16 = 253
	TypeMAILA uint16 = 254
	TypeANY   uint16 = 255
)

// Classes (RFC 1035 section 3.2.4).
const (
	ClassIN  uint16 = 1
	ClassCH  uint16 = 3
	ClassANY uint16 = 255
)

// Response codes (RFC 1035 section 4.1.1, RFC 6891 section 6.1.3 for BADVERS).
const (
	RcodeSuccess        = 0
	RcodeFormatError    = 1
	RcodeServerFailure  = 2
	RcodeNameError      = 3
	RcodeNotImplemented = 4
	RcodeRefused        = 5
	RcodeBadVersion     = 16
	RcodeBadCookie      = 23 // RFC 7873 section 8
)

// Errors of the readers in this package. They carry no position: a malformed
// message is malformed as a whole.
var (
	ErrShort   = errors.New("dnswire: message ends inside a field")
	ErrName    = errors.New("dnswire: malformed name")
	ErrPointer = errors.New("dnswire: compression pointer does not point backwards")
	ErrCount   = errors.New("dnswire: section counts do not match the records")
)
