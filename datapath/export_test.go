package datapath

import (
	"context"
	"net/netip"

	"tundns/datapath/memtun"
)

// Ask sends a UDP query from the host and returns the answer's payload.
func Ask(host *memtun.TUN, from, to, payload string) string {
	host.Send(udpPacket(netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), payload))
	p, err := host.Receive(context.Background())
	if err != nil {
		return err.Error()
	}
	return string(p[header4+headerUDP:])
}
