package blocklists

import (
	"net/netip"

	"tundns/dnswire"
)

// Query is what rules are matched against.
type Query struct {
	Name   dnswire.Name // in lower case
	Type   uint16       // for rules with $dnstype
	Client Client       // for rules with $client
}

// Client is who asks.
type Client struct {
	Addr netip.Addr // without a zone, IPv4 as IPv4
	Name string     // the name of its peer; "" for none
}
