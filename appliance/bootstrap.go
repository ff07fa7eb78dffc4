package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"tundns/dnswire"
)

// lookup resolves the name of a WireGuard endpoint or of a list's server. It
// asks the servers of [bootstrap], or else the default upstream group straight:
// past cache and policy, which could hold a stale or blocked address of the very
// host that is needed, past routes, whose servers may be behind the tunnel, and
// never through the tunnel's own DNS. There is at least one address without an
// error.
func (r *ruleset) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	name, err := dnswire.ParseName(host)
	if err != nil {
		return nil, err
	}
	if r.bootstrap != nil {
		return r.bootstrap.Find(ctx, name)
	}
	var addrs []netip.Addr
	var errs []error
	for _, typ := range []uint16{dnswire.TypeA, dnswire.TypeAAAA} {
		found, err := r.ask(ctx, name, typ)
		addrs = append(addrs, found...)
		errs = append(errs, err)
	}
	own := ownAddresses(r.config)
	addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return slices.Contains(own, a) })
	if len(addrs) > 0 {
		return addrs, nil
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s has no address", host)
}

// ask returns the addresses of one type that the default upstream group gives.
func (r *ruleset) ask(ctx context.Context, name dnswire.Name, typ uint16) ([]netip.Addr, error) {
	query := dnswire.AppendQuestion(nil, 0, dnswire.FlagRD, dnswire.Question{Name: name, Type: typ, Class: dnswire.ClassIN})
	rep, err := r.state().Upstream.Exchange(ctx, query)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	names := dnswire.Chain(rep.Message, name)
	for it := dnswire.NewRecords(rep.Message); it.Next() && it.RR.Section == dnswire.Answer; {
		rr := it.RR
		if rr.Type != typ || !dnswire.IsName(rep.Message, rr.Owner, names[len(names)-1]) {
			continue
		}
		if addr, ok := netip.AddrFromSlice(rep.Message[rr.Data:rr.End]); ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// endpoint resolves the name of a WireGuard endpoint.
func (a *Appliance) endpoint(ctx context.Context, host string) (netip.Addr, error) {
	addrs, err := a.current.Load().lookup(ctx, host)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0], nil
}

// dialTimeout is what one address may take, so that a dead one leaves time for
// the next.
const dialTimeout = 5 * time.Second

// dial connects to a host by the addresses that lookup finds, one after the
// other.
func (a *Appliance) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, addr)
	} else if addrs, err = a.current.Load().lookup(ctx, host); err != nil {
		return nil, err
	}
	var errs []error
	for _, addr := range addrs {
		d := net.Dialer{Timeout: dialTimeout}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
