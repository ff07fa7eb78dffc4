package wgquick

import (
	"fmt"
	"net/netip"
	"strings"
)

// UAPI returns the configuration as the text of a "set" operation of WireGuard's
// cross-platform userspace protocol, for device.IpcSet on a fresh device. The text holds
// the keys: it must not be logged.
//
// endpoint resolves the endpoint of a peer that has one; it is called in the peers' order.
// The zero AddrPort leaves the peer without an endpoint for now. Its error ends the work
// and comes back with the place of the peer in the file. endpoint may be nil if no
// endpoint is a name.
func (c *Config) UAPI(endpoint func(Endpoint) (netip.AddrPort, error)) (string, error) {
	if endpoint == nil {
		endpoint = literal
	}
	var b strings.Builder
	fmt.Fprintf(&b, "private_key=%s\n", c.PrivateKey.Hex())
	// Every listen_port, even an equal one, makes the device bind its sockets anew.
	if c.ListenPort != 0 {
		fmt.Fprintf(&b, "listen_port=%d\n", c.ListenPort)
	}
	b.WriteString("replace_peers=true\n")
	for i := range c.Peers {
		if err := c.Peers[i].uapi(&b, endpoint); err != nil {
			return "", fmt.Errorf("%s:%d: endpoint %s of this peer: %w", c.File, c.Peers[i].Line, c.Peers[i].Endpoint, err)
		}
	}
	return b.String(), nil
}

func (p *Peer) uapi(b *strings.Builder, endpoint func(Endpoint) (netip.AddrPort, error)) error {
	fmt.Fprintf(b, "public_key=%s\n", p.PublicKey.Hex())
	if !p.PresharedKey.IsZero() {
		fmt.Fprintf(b, "preshared_key=%s\n", p.PresharedKey.Hex())
	}
	if !p.Endpoint.IsZero() {
		addr, err := endpoint(p.Endpoint)
		if err != nil {
			return err
		}
		if addr.IsValid() {
			fmt.Fprintf(b, "endpoint=%s\n", addr)
		}
	}
	if p.PersistentKeepalive != 0 {
		fmt.Fprintf(b, "persistent_keepalive_interval=%d\n", p.PersistentKeepalive)
	}
	b.WriteString("replace_allowed_ips=true\n")
	for _, prefix := range p.AllowedIPs {
		fmt.Fprintf(b, "allowed_ip=%s\n", prefix)
	}
	return nil
}

// literal resolves endpoints that are addresses already.
func literal(e Endpoint) (netip.AddrPort, error) {
	addr, ok := e.Addr()
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is a name and there is no way given to resolve it", e.Host)
	}
	return netip.AddrPortFrom(addr, e.Port), nil
}
