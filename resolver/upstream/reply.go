package upstream

import (
	"encoding/binary"

	"tundns/dnswire"
)

// CheckReply reports why reply is not a usable reply to query: ErrMalformed,
// ErrMismatch, or ErrQuery when there is no question to compare. A usable one is a whole response without
// trailing bytes whose only question is the query's, compared by name without
// regard to letter case, type and class. A bare header with an error rcode is
// usable too: that is how servers answer a query that they could not read.
// Message IDs are not compared. It panics on no input.
func CheckReply(reply, query []byte) error {
	q, _, err := dnswire.ReadQuestion(query)
	if err != nil {
		return ErrQuery
	}
	if !isResponse(reply) {
		return ErrMalformed
	}
	if !isBareError(reply) && !dnswire.Asks(reply, q) {
		return ErrMismatch
	}
	if dnswire.Check(reply) != nil {
		return ErrMalformed
	}
	return nil
}

// isResponse reports whether msg has a whole header, QR set and opcode QUERY.
func isResponse(msg []byte) bool {
	return len(msg) >= dnswire.HeaderLen && len(msg) <= dnswire.MaxMessage &&
		dnswire.Flags(msg)&dnswire.FlagQR != 0 && dnswire.Opcode(msg) == 0
}

// isBareError reports whether msg is a header alone with an error rcode.
func isBareError(msg []byte) bool {
	if len(msg) != dnswire.HeaderLen || dnswire.QuestionCount(msg) != 0 {
		return false
	}
	switch dnswire.Rcode(msg) {
	case dnswire.RcodeFormatError, dnswire.RcodeServerFailure, dnswire.RcodeNotImplemented, dnswire.RcodeRefused:
		return true
	}
	return false
}

// finish checks a reply and makes it the query's own: the ID is the query's, and
// a bare header gets the question back. It may change reply.
func finish(reply, query []byte) ([]byte, error) {
	if err := CheckReply(reply, query); err != nil {
		return nil, err
	}
	dnswire.SetID(reply, dnswire.ID(query))
	if isBareError(reply) {
		reply = withQuestion(reply, query)
	}
	return reply, nil
}

// withQuestion returns a message of reply's header flags and query's question,
// without records.
func withQuestion(reply, query []byte) []byte {
	_, end, err := dnswire.ReadQuestion(query)
	if err != nil {
		return reply
	}
	msg := append([]byte(nil), query[:end]...)
	dnswire.SetFlags(msg, dnswire.Flags(reply))
	binary.BigEndian.PutUint16(msg[4:], 1)
	for s := dnswire.Answer; s <= dnswire.Additional; s++ {
		dnswire.SetCount(msg, s, 0)
	}
	return msg
}

// withoutOPT returns a copy of query without its OPT record, or nil when there
// is none or something follows it.
func withoutOPT(query []byte) []byte {
	rr, found, more := dnswire.FindOPT(query)
	if !found || more || rr.End != len(query) {
		return nil
	}
	msg := append([]byte(nil), query[:rr.Owner]...)
	dnswire.SetCount(msg, dnswire.Additional, dnswire.Count(msg, dnswire.Additional)-1)
	return msg
}

// rcodeAndErrors returns the extended response code of a checked reply and its
// Extended DNS Errors.
func rcodeAndErrors(reply []byte) (rcode int, ede []dnswire.EDE) {
	rcode = dnswire.Rcode(reply)
	if rr, found, _ := dnswire.FindOPT(reply); found {
		o := dnswire.ReadOPT(reply, &rr)
		rcode |= int(o.Rcode) << 4
		ede = dnswire.ReadEDEs(o.Options)
	}
	return rcode, ede
}

// refusesOPT reports whether reply says that the server did not understand the
// query's OPT record (RFC 6891 section 7: FORMERR or NOTIMP of servers that do
// not know EDNS, BADVERS of those that know another version).
func refusesOPT(reply []byte) bool {
	switch rcode, _ := rcodeAndErrors(reply); rcode {
	case dnswire.RcodeFormatError, dnswire.RcodeNotImplemented, dnswire.RcodeBadVersion:
		return true
	}
	return false
}

// Ranks of replies. A final one ends the query; of the others the highest is
// what the client gets when no server has a final one.
const (
	rankRefused   = 1 + iota // the server does not want to
	rankServfail             // the server tried
	rankExplained            // and says what went wrong
	rankTruncated            // a true answer, but not all of it
	rankFinal
)

// rank says what reply is worth, and which result it is in metrics.
func rank(reply []byte) (int, Cause) {
	if dnswire.Flags(reply)&dnswire.FlagTC != 0 {
		return rankTruncated, Truncated
	}
	switch rcode, ede := rcodeAndErrors(reply); rcode {
	case dnswire.RcodeRefused, dnswire.RcodeServerFailure:
		for _, e := range ede {
			if e.DNSSEC() {
				return rankFinal, ""
			}
		}
		switch {
		case rcode == dnswire.RcodeRefused:
			return rankRefused, QueryRefused
		case len(ede) > 0:
			return rankExplained, Servfail
		default:
			return rankServfail, Servfail
		}
	}
	return rankFinal, ""
}
