package upstreamtest

import (
	"net/netip"
	"time"

	"tundns/dnswire"
)

// Handler answers a query. It may keep the server's goroutine for as long as it
// likes; each query has its own. A nil reply is silence. The query belongs to
// the handler.
type Handler func(query []byte) []byte

// Silent answers nothing.
func Silent([]byte) []byte { return nil }

// Answer replies to every question with one address record of the given TTL in
// seconds, to questions for another type with no record.
func Answer(ttl uint32, addr netip.Addr) Handler {
	return func(query []byte) []byte {
		msg := Head(query, 0)
		q, _, err := dnswire.ReadQuestion(query)
		if err != nil {
			return nil
		}
		if q.Type == dnswire.TypeA && addr.Is4() || q.Type == dnswire.TypeAAAA && addr.Is6() {
			msg = dnswire.AppendRR(msg, q.Name, q.Type, q.Class, ttl, addr.AsSlice())
			dnswire.SetCount(msg, dnswire.Answer, 1)
		}
		return msg
	}
}

// Rcode replies with a response code and, in an OPT record, Extended DNS Errors.
func Rcode(rcode int, errs ...dnswire.EDE) Handler {
	return func(query []byte) []byte {
		msg := Head(query, uint16(rcode))
		if msg == nil || len(errs) == 0 {
			return msg
		}
		var options []byte
		for _, e := range errs {
			options = dnswire.AppendEDE(options, e)
		}
		dnswire.SetCount(msg, dnswire.Additional, 1)
		return dnswire.AppendOPT(msg, dnswire.OPT{UDPSize: 1232, Options: options})
	}
}

// Delay is h after d.
func Delay(d time.Duration, h Handler) Handler {
	return func(query []byte) []byte {
		time.Sleep(d)
		return h(query)
	}
}

// Head returns a reply to query without records: its ID and question, QR, RD and
// RA, and the given flags and rcode. It is nil when query has no question.
func Head(query []byte, flags uint16) []byte {
	q, end, err := dnswire.ReadQuestion(query)
	if err != nil {
		return nil
	}
	msg := dnswire.AppendQuestion(nil, dnswire.ID(query), dnswire.FlagQR|dnswire.FlagRD|dnswire.FlagRA|flags, q)
	copy(msg[dnswire.HeaderLen:], query[dnswire.HeaderLen:end]) // with the query's letter case
	return msg
}
