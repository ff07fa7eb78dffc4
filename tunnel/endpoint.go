package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tundns/tunnel/wgquick"
)

const (
	// firstRetry is short because the usual cause is a network that is just coming up.
	firstRetry = 500 * time.Millisecond
	// lastRetry bounds both the load on a server that does not know the name and the wait
	// after the network has come back.
	lastRetry = 30 * time.Second
)

// checkEndpoints refuses peers whose endpoint is an address inside some AllowedIPs.
func checkEndpoints(conf *wgquick.Config) error {
	for _, peer := range conf.Peers {
		if addr, ok := peer.Endpoint.Addr(); ok {
			if err := checkEndpoint(conf, addr); err != nil {
				return fmt.Errorf("%s:%d: endpoint %v of this peer %w", conf.File, peer.Line, peer.Endpoint, err)
			}
		}
	}
	return nil
}

// checkEndpoint returns an error if packets to addr, an endpoint, would be routed into the
// tunnel that they are to carry. It does not matter whose AllowedIPs it is.
func checkEndpoint(conf *wgquick.Config, addr netip.Addr) error {
	for _, peer := range conf.Peers {
		for _, p := range peer.AllowedIPs {
			if p.Contains(addr.Unmap()) {
				return fmt.Errorf("lies inside AllowedIPs %v, so that the tunnel's own packets would enter the tunnel: full-tunnel routing is not supported in this version", p)
			}
		}
	}
	return nil
}

// resolution finds the address of one peer's endpoint and tells WireGuard.
type resolution struct {
	peer   *wgquick.Peer
	conf   *wgquick.Config
	lookup Resolver
	set    func(uapi string) error
	logf   func(format string, args ...any)
}

// run tries until it succeeds or ctx is done.
func (r *resolution) run(ctx context.Context) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := r.try(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.logf("endpoint %v of a peer (%s:%d): %v; next attempt in %v", r.peer.Endpoint, r.conf.File, r.peer.Line, err, wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (r *resolution) try(ctx context.Context) error {
	addr, err := r.lookup(ctx, r.peer.Endpoint.Host)
	if err != nil {
		return err
	}
	if !addr.IsValid() {
		return fmt.Errorf("no address for %q", r.peer.Endpoint.Host)
	}
	addr = addr.Unmap()
	if err := checkEndpoint(r.conf, addr); err != nil {
		return fmt.Errorf("%v %w", addr, err)
	}
	return r.set(endpointUpdate(r.peer, addr))
}

// endpointUpdate is the UAPI text that gives an existing peer what startSettings left out.
// A keepalive that was off before makes WireGuard begin the handshake at once.
func endpointUpdate(peer *wgquick.Peer, addr netip.Addr) string {
	var b strings.Builder
	fmt.Fprintf(&b, "public_key=%s\nupdate_only=true\nendpoint=%v\n", peer.PublicKey.Hex(), netip.AddrPortFrom(addr, peer.Endpoint.Port))
	if peer.PersistentKeepalive != 0 {
		fmt.Fprintf(&b, "persistent_keepalive_interval=%d\n", peer.PersistentKeepalive)
	}
	return b.String()
}
