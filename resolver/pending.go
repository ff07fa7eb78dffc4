package resolver

import (
	"net/netip"
	"sync"

	"tundns/dnswire"
)

// pending are the queries of one socket or connection that wait for their
// answers. The zero value is ready to use.
type pending struct {
	sync.WaitGroup

	mu        sync.Mutex
	datagrams map[datagram]struct{} // guarded by mu; as many as queries wait
}

// datagram is what makes two datagrams of a client the same query, sent twice.
type datagram struct {
	client   netip.AddrPort
	id       uint16
	asked    string // in the client's letter case
	question dnswire.Question
	size     uint16
	subnet   string

	edns, do, rd, ad, cd bool
}

func (q *Query) datagram() datagram {
	return datagram{client: q.Client, id: q.id, asked: q.asked, question: q.Question, size: q.UDPSize, subnet: q.subnet,
		edns: q.EDNS, do: q.DO, rd: q.RD, ad: q.AD, cd: q.CD}
}

// first takes q in, which last must give back, unless the same datagram is in
// already: the answer to that one, with the same ID to the same port, is q's
// too. A client that repeats itself thus costs one place and one reply.
func (p *pending) first(q *Query) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := q.datagram()
	if _, repeated := p.datagrams[d]; repeated {
		return false
	}
	if p.datagrams == nil {
		p.datagrams = make(map[datagram]struct{})
	}
	p.datagrams[d] = struct{}{}
	return true
}

func (p *pending) last(q *Query) {
	p.mu.Lock()
	delete(p.datagrams, q.datagram())
	p.mu.Unlock()
}
