package appliance

import (
	"context"
	"fmt"
	"net/netip"

	"tundns/config"
	"tundns/dnswire"
	"tundns/tunnel"
	"tundns/tunnel/wgquick"
)

// tunnelOptions says what interface c wants. The WireGuard configuration is nil
// in mode dns.
func tunnelOptions(c *config.Config) (tunnel.Options, *wgquick.Config, error) {
	opts := tunnel.Options{Name: c.TUN.Name, MTU: c.TUN.MTU, Addresses: c.TUN.Addresses, Virtual: c.DNS.Addresses}
	if c.Mode != config.ModeClient {
		return opts, nil, nil
	}
	wg, err := wgquick.Load(c.WireGuard.Config)
	if err != nil {
		return opts, nil, err
	}
	if !c.IsSet("tun.name") {
		opts.Name = "" // the file's name is the interface's, as with wg-quick
	}
	opts, err = tunnel.ClientOptions(wg, opts)
	return opts, wg, err
}

// bootstrap resolves the name of a WireGuard endpoint. It asks the default
// upstream group straight: past cache and policy, which could hold a stale or
// blocked address of the very peer that the tunnel needs, past routes, whose
// servers may be behind the tunnel, and never through the tunnel's own DNS.
func (a *Appliance) bootstrap(ctx context.Context, host string) (netip.Addr, error) {
	name, err := dnswire.ParseName(host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, typ := range []uint16{dnswire.TypeA, dnswire.TypeAAAA} {
		query := dnswire.AppendQuestion(nil, 0, dnswire.FlagRD, dnswire.Question{Name: name, Type: typ, Class: dnswire.ClassIN})
		rep, err := a.current.Load().state().Upstream.Exchange(ctx, query)
		if err != nil {
			return netip.Addr{}, err
		}
		names := dnswire.Chain(rep.Message, name)
		for it := dnswire.NewRecords(rep.Message); it.Next() && it.RR.Section == dnswire.Answer; {
			rr := it.RR
			if rr.Type != typ || !dnswire.IsName(rep.Message, rr.Owner, names[len(names)-1]) {
				continue
			}
			if addr, ok := netip.AddrFromSlice(rep.Message[rr.Data:rr.End]); ok {
				return addr, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no address", host)
}
