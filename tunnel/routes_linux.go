package tunnel

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// routeProtocol marks every route of ours, as rtnetlink(7) has it for routing daemons.
	// No name in rt_protos has this number; it is the port of DNS.
	routeProtocol = 53

	// virtualMetric is the least that IPv6 has: 0 means 1024 there.
	virtualMetric = 1

	// fallbackMetric is the metric of an unreachable route less its interface's index. It is
	// above what anybody else uses and leaves the sum within a 32-bit int.
	fallbackMetric = 1 << 30
)

// single is the prefix that holds a and nothing else.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// routeInto returns a route for p into the interface. A metric of 0 is the kernel's default.
func routeInto(p netip.Prefix, index, metric int) *netlink.Route {
	return &netlink.Route{
		Dst:       ipNet(p),
		LinkIndex: index,
		Scope:     netlink.SCOPE_LINK,
		Protocol:  routeProtocol,
		Priority:  metric,
	}
}

// fallbackRoute returns the route that counts when the one into the interface is gone.
func fallbackRoute(a netip.Addr, index int) *netlink.Route {
	return &netlink.Route{
		Dst:      ipNet(single(a)),
		Type:     unix.RTN_UNREACHABLE,
		Protocol: routeProtocol,
		Priority: fallbackMetric + index,
	}
}

// fallbackOf returns the index of the interface whose fallback route r is, and false if r
// is no such route.
func fallbackOf(r netlink.Route) (index int, ok bool) {
	ok = r.Protocol == routeProtocol && r.Type == unix.RTN_UNREACHABLE && r.Priority > fallbackMetric
	return r.Priority - fallbackMetric, ok
}

// setRoutes sets the routes into the interface. The kernel forgets them whenever the link
// goes down.
func (h *host) setRoutes() error {
	for _, a := range h.opts.Virtual {
		if a.Is6() && !h.ipv6 {
			continue
		}
		err := h.nl.RouteReplace(routeInto(single(a), h.index(), virtualMetric))
		if err != nil && !h.withoutIPv6(a.Is6(), err) {
			return fmt.Errorf("route %v into the interface: %w", a, err)
		}
	}
	for _, p := range h.opts.Routes {
		if p.Addr().Is6() && !h.ipv6 {
			continue
		}
		err := h.nl.RouteAdd(routeInto(p, h.index(), 0))
		if errors.Is(err, unix.EEXIST) {
			err = h.checkTaken(p)
		}
		if err != nil && !h.withoutIPv6(p.Addr().Is6(), err) {
			return fmt.Errorf("route %v into the interface: %w", p, err)
		}
	}
	return nil
}

// checkTaken returns nil if p is routed into the interface already, as the kernel does it
// for the network of an own address, and otherwise says who has it.
func (h *host) checkTaken(p netip.Prefix) error {
	routes, err := h.routes(func(r netlink.Route) bool {
		return r.Table == unix.RT_TABLE_MAIN && prefix(r.Dst) == p
	})
	if err != nil || len(routes) == 0 {
		return err
	}
	for _, r := range routes {
		if r.LinkIndex == h.index() {
			return nil
		}
	}
	return fmt.Errorf("it is routed to %s already; remove that route or take it out of AllowedIPs", h.linkName(routes[0].LinkIndex))
}

// removeLeftovers removes the unreachable routes of interfaces that are gone: their
// process was killed.
func (h *host) removeLeftovers() error {
	fallbacks, err := h.routes(func(r netlink.Route) bool {
		_, ok := fallbackOf(r)
		return ok
	})
	if err != nil {
		return err
	}
	for _, r := range fallbacks {
		index, _ := fallbackOf(r)
		if h.exists(index) {
			continue
		}
		if err := h.removeFallback(prefix(r.Dst).Addr(), index); err != nil {
			return err
		}
	}
	return nil
}

// removeFallbacks removes the interface's own unreachable routes.
func (h *host) removeFallbacks() error {
	var errs []error
	for _, a := range h.opts.Virtual {
		errs = append(errs, h.removeFallback(a, h.index()))
	}
	return errors.Join(errs...)
}

func (h *host) removeFallback(a netip.Addr, index int) error {
	err := h.nl.RouteDel(fallbackRoute(a, index))
	if err == nil || errors.Is(err, unix.ESRCH) || a.Is6() && lacksIPv6(err) && !errors.Is(err, unix.EPERM) {
		return nil
	}
	return fmt.Errorf("remove the unreachable route for %v: %w", a, err)
}

// routes lists those routes of all tables that keep returns true for. The socket is locked
// meanwhile: keep must not use h.nl.
func (h *host) routes(keep func(netlink.Route) bool) ([]netlink.Route, error) {
	var kept []netlink.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		// A zero Table in the filter stands for all of them.
		err := h.nl.RouteListFilteredIter(family, &netlink.Route{}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
			if keep(r) {
				kept = append(kept, r)
			}
			return true
		})
		if err != nil && !tolerable(err) {
			return nil, fmt.Errorf("list routes: %w", err)
		}
	}
	return kept, nil
}

// tolerable reports whether a listing that failed with err is good enough: there is no
// IPv6, or the list changed while it was read, which on a busy host it always does, and
// the routes of interest here are not those that come and go.
func tolerable(err error) bool {
	return errors.Is(err, netlink.ErrDumpInterrupted) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

// exists reports whether there is an interface of that index. In doubt there is.
func (h *host) exists(index int) bool {
	_, err := h.nl.LinkByIndex(index)
	var notFound netlink.LinkNotFoundError
	return !errors.As(err, &notFound)
}

// linkName returns "interface NAME", for messages.
func (h *host) linkName(index int) string {
	link, err := h.nl.LinkByIndex(index)
	if err != nil {
		return "another interface"
	}
	return "interface " + link.Attrs().Name
}
