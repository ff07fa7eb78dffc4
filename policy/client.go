package policy

import (
	"net/netip"
	"slices"
)

// Peers knows which peer of a tunnel has an address. Its method is called for
// every question, by several goroutines at once: it must be quick and should not
// allocate.
type Peers interface {
	// Peer returns the name and the public key of the peer that has addr, each ""
	// if there is none. ok is false when no peer has it.
	Peer(addr netip.Addr) (name, key string, ok bool)
}

// Client is who asks.
type Client struct {
	Addr  netip.Addr // without a zone, IPv4 as IPv4; not valid when it is not known
	Peer  string     // the name of the peer that has the address, if any
	Key   string     // and its public key
	Group *Group     // never nil from Policy.Client
}

// label is what rules know the client by beside its address.
func (c *Client) label() string {
	if c.Peer != "" {
		return c.Peer
	}
	return c.Key
}

// Client returns the client with the given address. It is in the first group, in
// the order of the groups, that names its address, the name of its peer or the
// peer's key; an address that no group names, also one that is not valid, is in
// the default group. It does not allocate.
func (p *Policy) Client(addr netip.Addr) Client {
	c := Client{Addr: addr.WithZone("").Unmap()}
	index := p.clients.group(c.Addr)
	if p.peers != nil {
		c.Peer, c.Key, _ = p.peers.Peer(c.Addr)
		index = p.prefer(index, c.Peer)
		index = p.prefer(index, c.Key)
	}
	c.Group = p.groups[index]
	return c
}

// prefer returns the group that names peer if it comes before the group at
// index, or if that one is what is left over.
func (p *Policy) prefer(index int, peer string) int {
	if by, ok := p.byPeer[peer]; ok && (by < index || index == p.rest.index) {
		return by
	}
	return index
}

// membership says in words why c is in its group.
func (c *Client) membership() string {
	g := c.Group
	if g.name == DefaultGroup {
		return "no other group names the client"
	}
	for _, prefix := range g.members {
		if prefix.Contains(c.Addr) {
			return "it names " + prefix.String()
		}
	}
	if c.Peer != "" && slices.Contains(g.peers, c.Peer) {
		return "it names peer " + c.Peer
	}
	return "it names the peer's key " + c.Key
}
