// Package datapath serves virtual addresses from inside a tunnel interface.
//
// A [Filter] wraps any [golang.zx2c4.com/wireguard/tun.Device] and is one
// itself. Packets to a virtual address are taken out of the stream and served
// by the program; every other packet passes to the wrapped device's user
// untouched, in the buffer it was read into: no allocation, no lock, no copy,
// no goroutine hop.
//
// Two directions exist. [FromHost] is what Read returns: packets that this
// machine sends into the tunnel. [FromPeers] is what Write is given: packets
// that peers sent through the tunnel. Replies go back to the side that asked:
// to the host by a Write to the wrapped device, to peers out of Read, so that
// the tunnel encrypts them.
//
// # Virtual addresses
//
// A virtual address is absorbed whole: no packet sent to it passes. It is
// answered as a good kernel answers: UDP and TCP by the virtual services that
// listen there ([Filter.ListenUDP], [Filter.ListenTCP]), unserved TCP by RST,
// unserved UDP by ICMP port unreachable, other protocols by ICMP protocol
// unreachable or parameter problem, pings by echo replies. ICMP errors are
// limited to 1,000 a second with bursts of 50, over all addresses.
//
// Before a packet is served it is validated: lengths, header and transport
// checksums, extension headers, and a source address that can be answered.
// Packets that claim a virtual address as their source never pass, whatever
// their destination. Fragments are reassembled within 4 MiB for each IP
// version and 30 (IPv4) or 60 (IPv6) seconds; overlapping fragments discard
// their datagram (RFC 8200 section 4.5). Every drop is counted by its reason,
// see [Filter.Stats].
//
// # The contract with WireGuard
//
// wireguard-go ties bufs[i] of a Read to a queue element of its own. So a
// Filter never permutes, swaps or re-slices the caller's buffers: a packet that
// is taken has its size set to 0, which wireguard-go skips. Write hands on runs
// of the caller's slice and copies what it takes before it returns; it never
// waits for a service. BatchSize is constant.
package datapath
