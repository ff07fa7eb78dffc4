package datapath

import "sync/atomic"

// Direction says which side of the filter a packet comes from. A reply's
// direction is that of the packet it answers.
type Direction uint8

const (
	// FromHost is the direction of Read: this machine sends into the tunnel.
	FromHost Direction = iota
	// FromPeers is the direction of Write: peers send through the tunnel.
	FromPeers

	directions = 2
)

// String returns "host" or "peers".
func (d Direction) String() string {
	if d == FromPeers {
		return "peers"
	}
	return "host"
}

// Reason says why a packet was dropped.
type Reason uint8

// The reasons. A drop is counted under exactly one.
const (
	// Malformed: a length, an offset or an extension header does not fit.
	Malformed Reason = iota
	// BadChecksum: the IPv4 header's, TCP's, UDP's or ICMP's checksum is wrong.
	BadChecksum
	// Martian: the source address cannot be answered: unspecified, loopback,
	// multicast, broadcast, 0.0.0.0/8, 240.0.0.0/4, or an IPv4-mapped IPv6 one.
	Martian
	// Land: source and destination are the same virtual address.
	Land
	// Spoofed: the source address is a virtual address.
	Spoofed
	// RoutingHeader: an IPv6 type 0 routing header (RFC 5095).
	RoutingHeader
	// PeersRefused: from peers to a virtual address, while Config.Peers is off.
	PeersRefused
	// ByRule: a rule's handler said Drop.
	ByRule
	// ServiceBusy: the receive queue of the UDP service is full. The packet
	// counts as served, too.
	ServiceBusy
	// ReplyQueueFull: a reply found the queue to its side full.
	ReplyQueueFull
	// ReplyFailed: the device refused to write a reply.
	ReplyFailed

	reasons = iota
)

var reasonNames = [reasons]string{
	Malformed:      "malformed",
	BadChecksum:    "bad_checksum",
	Martian:        "martian",
	Land:           "land",
	Spoofed:        "spoofed",
	RoutingHeader:  "routing_header",
	PeersRefused:   "peers_refused",
	ByRule:         "by_rule",
	ServiceBusy:    "service_busy",
	ReplyQueueFull: "reply_queue_full",
	ReplyFailed:    "reply_failed",
}

// String returns the reason in lower-case words joined by underscores, fit for
// a metric's label.
func (r Reason) String() string { return reasonNames[r] }

// Drops counts dropped packets; the index is the Reason.
type Drops [reasons]uint64

// DirectionStats counts what came from one side, in packets and in bytes of
// whole IP packets.
type DirectionStats struct {
	Passed      uint64 // handed on untouched
	PassedBytes uint64
	Served      uint64 // valid, to a virtual address, given to a service's queue or the netstack
	ServedBytes uint64
	Replies     uint64 // sent back to this side
	ReplyBytes  uint64
	Dropped     Drops // packets from this side, and replies to it
}

// NetstackStats counts what the netstack behind the filter did: TCP, fragments
// and ICMP. Both directions together.
type NetstackStats struct {
	Malformed          uint64 // packets whose options, extension headers or fragments it refused
	MalformedFragments uint64 // of those: fragments that overlap or contradict each other
	BadChecksum        uint64 // found after reassembly
	ICMPLimited        uint64 // ICMP errors not sent because of the rate limit
	TCPAccepted        uint64
	TCPEstablished     uint64 // at this moment
	TCPRetransmits     uint64
	TCPResetsSent      uint64
	SYNCookies         uint64 // handshakes answered without keeping state
	ListenOverflows    uint64 // SYNs and ACKs dropped because a service does not accept
}

// Stats is a snapshot of a filter's counters since New.
type Stats struct {
	Host      DirectionStats
	Peers     DirectionStats
	Discarded uint64 // packets that passed and that Run, having nobody to hand them to, let go
	Netstack  NetstackStats
}

// Stats returns a snapshot. It takes no lock; the counters are read one by one,
// so they may differ by the packets that flow meanwhile.
func (f *Filter) Stats() Stats {
	s := Stats{
		Host:      f.counts[FromHost].snapshot(),
		Peers:     f.counts[FromPeers].snapshot(),
		Discarded: f.discarded.Load(),
	}
	n := f.net.stack.Stats()
	s.Netstack = NetstackStats{
		Malformed:          n.IP.MalformedPacketsReceived.Value(),
		MalformedFragments: n.IP.MalformedFragmentsReceived.Value(),
		BadChecksum: n.TCP.ChecksumErrors.Value() + n.UDP.ChecksumErrors.Value() +
			n.ICMP.V4.PacketsReceived.Invalid.Value() + n.ICMP.V6.PacketsReceived.Invalid.Value(),
		ICMPLimited:     n.ICMP.V4.PacketsSent.RateLimited.Value() + n.ICMP.V6.PacketsSent.RateLimited.Value(),
		TCPAccepted:     n.TCP.PassiveConnectionOpenings.Value(),
		TCPEstablished:  n.TCP.CurrentEstablished.Value(),
		TCPRetransmits:  n.TCP.Retransmits.Value(),
		TCPResetsSent:   n.TCP.ResetsSent.Value(),
		SYNCookies:      n.TCP.ListenOverflowSynCookieSent.Value(),
		ListenOverflows: n.TCP.ListenOverflowSynDrop.Value() + n.TCP.ListenOverflowAckDrop.Value(),
	}
	return s
}

// counters are one direction's. Passed packets are added once a batch.
type counters struct {
	passed, passedBytes atomic.Uint64
	served, servedBytes atomic.Uint64
	replies, replyBytes atomic.Uint64
	dropped             [reasons]atomic.Uint64

	// Reader and writers run on different cores: keep the two directions'
	// counters off each other's cache lines.
	_ [64]byte
}

func (c *counters) drop(r Reason) { c.dropped[r].Add(1) }

func (c *counters) pass(packets, bytes int) {
	if packets > 0 {
		c.passed.Add(uint64(packets))
		c.passedBytes.Add(uint64(bytes))
	}
}

func (c *counters) reply(packets, bytes int) {
	c.replies.Add(uint64(packets))
	c.replyBytes.Add(uint64(bytes))
}

func (c *counters) snapshot() DirectionStats {
	s := DirectionStats{
		Passed:      c.passed.Load(),
		PassedBytes: c.passedBytes.Load(),
		Served:      c.served.Load(),
		ServedBytes: c.servedBytes.Load(),
		Replies:     c.replies.Load(),
		ReplyBytes:  c.replyBytes.Load(),
	}
	for r := range c.dropped {
		s.Dropped[r] = c.dropped[r].Load()
	}
	return s
}
