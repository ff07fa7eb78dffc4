package resolver

import (
	"tundns/dnswire"
	"tundns/policy"
)

// Outcome says how an answer came about. Its String is a label in metrics.
type Outcome uint8

// The outcomes.
const (
	Forwarded Outcome = iota // an upstream was asked
	Cached                   // from the message cache
	Stale                    // expired, but upstreams failed (RFC 8767)
	Blocked                  // by policy
	Rewritten                // by policy, with other records
	Dropped                  // by policy: no reply is to be sent
	Local                    // our own data
	Refused                  // we do not serve this
	Failed                   // SERVFAIL of our own
	Invalid                  // no query that could be resolved
	outcomes
)

// String returns the outcome's name in metrics.
func (o Outcome) String() string {
	return [outcomes]string{"forwarded", "cached", "stale", "blocked", "rewritten", "dropped", "local", "refused", "failed", "invalid"}[o]
}

// Answer is the result of a query. It is immutable once a Handler returned it.
type Answer struct {
	// Message is a reply in wire form: one uncompressed question and no OPT
	// record. Of its header only rcode, AA, TC, AD and the counts mean anything.
	Message []byte
	// Errors are the Extended DNS Errors for clients with EDNS.
	Errors  []dnswire.EDE
	Outcome Outcome
	// Verdict is what policy decided, on the question or on where its answer leads;
	// nil when nothing did.
	Verdict *policy.Verdict

	subnet string // the data of the EDNS Client Subnet option that came with it

	// goesOn is the target of the CNAME record at the end of Message when its own
	// records are still to be added; settled says that policy shall not judge it.
	goesOn  dnswire.Name
	settled bool
}

// Rcode returns the answer's response code.
func (a *Answer) Rcode() int { return dnswire.Rcode(a.Message) }

// reply returns an answer of our own without records.
func reply(q *Query, outcome Outcome, rcode int, errs ...dnswire.EDE) *Answer {
	return &Answer{
		Message: dnswire.AppendQuestion(nil, 0, uint16(rcode), q.Question),
		Errors:  errs,
		Outcome: outcome,
	}
}

const (
	// OurUDPSize is the UDP payload in bytes that we take and give at the most:
	// it passes every path without fragments (DNS flag day 2020).
	OurUDPSize = 1232
	// headerEcho are the flags of a query that its reply repeats.
	headerEcho = dnswire.FlagRD | dnswire.FlagCD
)

// appendReply appends the reply that q's client gets: a with the client's ID,
// flags and letter case, cut to limit bytes with TC when it is longer (RFC 2181
// section 9), with an OPT record if the client sent one.
func appendReply(dst []byte, q *Query, a *Answer, limit int) []byte {
	var buf [keepaliveLen + 2*(dnswire.MaxEDEText+6)]byte
	options := buf[:0]
	optLen := 0
	if q.EDNS {
		if q.keepalive {
			options = dnswire.AppendOption(options, dnswire.OptionKeepalive, keepaliveTimeout[:])
		}
		if a.subnet != "" {
			options = dnswire.AppendOption(options, dnswire.OptionECS, []byte(a.subnet))
		}
		others := len(options)
		for _, e := range a.Errors {
			if len(options)-others > dnswire.MaxEDEText+6 {
				break // two errors say enough; the rest would eat the answer's room
			}
			options = dnswire.AppendEDE(options, e)
		}
		optLen = 11 + len(options)
	}
	start := len(dst)
	dst = append(dst, a.Message...)
	msg := dst[start:]
	flags := dnswire.Flags(msg)&(dnswire.FlagAA|dnswire.FlagTC|dnswire.FlagAD|0xF) | dnswire.FlagQR | dnswire.FlagRA | q.echo()
	if !q.AD && !q.DO {
		flags &^= dnswire.FlagAD // RFC 6840 section 5.8
	}
	dnswire.SetID(msg, q.id)
	dnswire.SetFlags(msg, flags)
	copy(msg[dnswire.HeaderLen:], q.asked)
	msg = dnswire.Truncate(msg, limit-optLen)
	dst = dst[:start+len(msg)]
	if q.EDNS {
		dst = dnswire.AppendOPT(dst, dnswire.OPT{UDPSize: OurUDPSize, DO: q.DO, Options: options})
		dnswire.SetCount(dst[start:], dnswire.Additional, dnswire.Count(dst[start:], dnswire.Additional)+1)
	}
	return dst
}

// echo returns the header bits of q that its reply repeats.
func (q *Query) echo() uint16 {
	f := uint16(q.opcode) << 11
	if q.RD {
		f |= dnswire.FlagRD
	}
	if q.CD {
		f |= dnswire.FlagCD
	}
	return f & (headerEcho | 0xF<<11)
}

// appendRefusal appends the reply to a message that parse did not accept: the
// question if it could be read, an OPT record if there was one, no records.
func appendRefusal(dst []byte, q *Query, r refusal) []byte {
	rcode, extended := uint16(dnswire.RcodeFormatError), uint8(0)
	switch r {
	case notImp:
		rcode = dnswire.RcodeNotImplemented
	case badVersion:
		rcode, extended = dnswire.RcodeBadVersion&0xF, dnswire.RcodeBadVersion>>4
	}
	start := len(dst)
	flags := dnswire.FlagQR | q.echo() | rcode
	if q.asked == "" {
		dst = append(dst, make([]byte, dnswire.HeaderLen)...)
		dnswire.SetID(dst[start:], q.id)
		dnswire.SetFlags(dst[start:], flags)
	} else {
		dst = dnswire.AppendQuestion(dst, q.id, flags|dnswire.FlagRA, q.Question)
		copy(dst[start+dnswire.HeaderLen:], q.asked)
	}
	if q.EDNS {
		dst = dnswire.AppendOPT(dst, dnswire.OPT{UDPSize: OurUDPSize, Rcode: extended, DO: q.DO})
		dnswire.SetCount(dst[start:], dnswire.Additional, 1)
	}
	return dst
}
