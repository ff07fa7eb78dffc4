package resolver

import (
	"net/netip"
	"time"

	"tundns/cache"
	"tundns/dnswire"
)

// Transport is how a query reached us.
type Transport uint8

// The transports of clients.
const (
	UDP Transport = iota
	TCP
)

// String returns the transport's name in metrics.
func (t Transport) String() string {
	if t == TCP {
		return "tcp"
	}
	return "udp"
}

// Query is one query of a client. The server fills it; stages read it.
type Query struct {
	Question  dnswire.Question // the name in lower case
	Client    netip.AddrPort
	Transport Transport
	EDNS      bool   // the client sent an OPT record, so it gets one
	UDPSize   uint16 // what the client says it can take over UDP; 512 without EDNS
	DO        bool   // DNSSEC OK (RFC 3225)
	RD        bool
	AD        bool // the client understands AD (RFC 6840 section 5.7)
	CD        bool // checking disabled (RFC 4035 section 3.2.2)
	// NoWait asks for ErrWait instead of an answer that has to be waited for.
	NoWait bool

	id     uint16
	opcode uint8
	asked  string // the name as the client wrote it, wire form; its letter case is echoed
	subnet string // the data of the client's EDNS Client Subnet option

	keepalive bool // the client asks how long it may keep the connection (RFC 7828)
	refresh   bool // nobody waits for the answer: the cache has one that is about to expire
	settled   bool // policy has sent the query to this name and has no more to say

	received time.Time     // when the server read it
	state    *State        // what was in force when the query came; one query sees one policy
	lookup   *cache.Lookup // what the cache said in the pass with NoWait
}

// NewQuery returns a query of class IN for who has no message of a client: it
// comes over UDP, takes EDNS and wants recursion.
func NewQuery(name dnswire.Name, typ uint16, client netip.AddrPort) *Query {
	return &Query{Question: dnswire.Question{Name: name, Type: typ, Class: dnswire.ClassIN}, Client: client,
		EDNS: true, UDPSize: OurUDPSize, RD: true, asked: string(name)}
}

// key is what the upstream's answer to q depends on.
func (q *Query) key() cache.Key {
	group, _ := q.state.group(q.Question.Name)
	return cache.Key{Name: q.Question.Name, Type: q.Question.Type, Class: q.Question.Class, DO: q.DO, CD: q.CD, Group: group}
}

// refusal says how to answer bytes that are no query we resolve.
type refusal uint8

const (
	accepted   refusal = iota
	ignored            // no answer at all: a response, or too short to have an ID
	formErr            // FORMERR
	notImp             // NOTIMP
	badVersion         // BADVERS (RFC 6891 section 6.1.3)
)

// minUDP is the UDP payload that every client takes (RFC 1035 section 2.3.4).
const minUDP = 512

// parse reads a client's message into q, whose Client and Transport the caller
// sets. On a refusal q holds as much as the answer to it needs. msg is not kept.
func parse(msg []byte, q *Query) refusal {
	if len(msg) < dnswire.HeaderLen {
		return ignored
	}
	flags := dnswire.Flags(msg)
	if flags&dnswire.FlagQR != 0 {
		return ignored // answering a response could loop
	}
	q.id = dnswire.ID(msg)
	q.opcode = uint8(dnswire.Opcode(msg))
	q.RD = flags&dnswire.FlagRD != 0
	q.AD = flags&dnswire.FlagAD != 0
	q.CD = flags&dnswire.FlagCD != 0
	q.UDPSize = minUDP
	if q.opcode != 0 {
		q.mirrorOPT(msg)
		return notImp
	}
	if dnswire.QuestionCount(msg) != 1 {
		q.mirrorOPT(msg)
		return formErr
	}
	question, end, err := dnswire.ReadQuestion(msg)
	if err != nil || end-4-dnswire.HeaderLen != len(question.Name) { // a first name has nothing to point to
		return formErr
	}
	q.Question = question
	q.asked = string(question.Name)
	if asked := msg[dnswire.HeaderLen : end-4]; string(asked) != q.asked {
		q.asked = string(asked)
	}
	if dnswire.Check(msg) != nil {
		return formErr
	}
	rr, found, more := dnswire.FindOPT(msg)
	if !found {
		return accepted
	}
	opt := dnswire.ReadOPT(msg, &rr)
	q.EDNS = true
	q.DO = opt.DO
	q.UDPSize = max(opt.UDPSize, minUDP) // RFC 6891 section 6.2.3
	if more || msg[rr.Owner] != 0 {
		return formErr // RFC 6891 section 6.1.1
	}
	if opt.Version != 0 {
		return badVersion
	}
	for options := opt.Options; len(options) > 0; {
		code, data, rest, _, malformed := dnswire.NextOption(options)
		if malformed {
			return formErr
		}
		switch {
		case code == dnswire.OptionECS && q.subnet == "":
			q.subnet = string(data[:min(len(data), maxSubnet+1)]) // too long stays too long
		case code == dnswire.OptionKeepalive && q.Transport == TCP: // not over UDP (RFC 7828 section 3.2.1)
			q.keepalive = true
		}
		options = rest
	}
	return accepted
}

// mirrorOPT notes whether msg, of which nothing else is to be read, has an OPT
// record: the refusal has one then, too (RFC 6891 section 6.1.1).
func (q *Query) mirrorOPT(msg []byte) {
	if dnswire.Check(msg) != nil {
		return
	}
	if rr, found, _ := dnswire.FindOPT(msg); found {
		q.EDNS, q.DO = true, dnswire.ReadOPT(msg, &rr).DO
	}
}
