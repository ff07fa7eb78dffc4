package config

import (
	"net/netip"
	"slices"
)

// checkAddresses checks what the addresses of several tables say together.
func (d *decoder) checkAddresses() {
	c := d.conf
	own := map[netip.Addr]int{}
	for i, p := range c.TUN.Addresses {
		own[p.Addr()] = place(d.own, i)
	}
	virtual := map[netip.Addr]int{}
	for i, a := range c.DNS.Addresses {
		at := place(d.virtual, i)
		virtual[a] = at
		ownAt, both := own[a]
		if both {
			d.fail(max(at, ownAt, 0), "%s is both the interface's own address and a virtual address; a packet to an own address never enters the tunnel", a)
			continue
		}
		d.checkSubnet(a, at)
	}
	d.checkServers(virtual)
	for i, l := range c.Lists {
		if _, self := virtual[l.addr()]; self {
			d.fail(max(d.listAt[i], 0), "%s is a virtual address, where no lists are; tundns would ask itself for list %q", l.addr(), l.Name)
		}
	}
	if a, err := netip.ParseAddr(d.listener); err == nil {
		if _, taken := virtual[a]; taken {
			d.fail(d.listenerAt, "listen %s is a virtual address, where metrics are in any case; name an address of the host", a)
		}
	}

	v6 := func(a netip.Addr) bool { return a.Is6() }
	ownV6 := slices.ContainsFunc(c.TUN.Addresses, func(p netip.Prefix) bool { return v6(p.Addr()) })
	if (ownV6 || slices.ContainsFunc(c.DNS.Addresses, v6)) && c.TUN.MTU < minMTU6 {
		d.fail(max(d.mtuAt, 0), "mtu %d is too small for IPv6, which needs %d; raise it, or use IPv4 addresses only in [tun] and [dns]", c.TUN.MTU, minMTU6)
	}
	if len(d.problems) == 0 {
		d.checkFamilies()
	}
}

// place returns the place of item i, -1 if the file does not have it.
func place(places []int, i int) int {
	if i < len(places) {
		return places[i]
	}
	return -1
}

// checkSubnet refuses the two addresses of an own IPv4 subnet that the kernel uses for
// broadcast. A subnet of 31 or 32 bits has none (RFC 3021).
func (d *decoder) checkSubnet(a netip.Addr, at int) {
	for i, p := range d.conf.TUN.Addresses {
		if !a.Is4() || !p.Contains(a) || p.Bits() > 30 {
			continue
		}
		next, previous := a.Next(), a.Prev()
		if !p.Contains(next) || !p.Contains(previous) {
			d.fail(max(at, place(d.own, i), 0), "%s is a broadcast address of the interface's own subnet %s; use another one of it", a, p.Masked())
		}
	}
}

// checkServers refuses upstream servers that are tundns itself.
func (d *decoder) checkServers(virtual map[netip.Addr]int) {
	for group, u := range d.conf.Upstreams {
		var places []int
		if group < len(d.serverAt) {
			places = d.serverAt[group]
		}
		d.checkSelf(virtual, "upstream", u.Servers, places)
		if len(d.conf.Bootstrap.Servers) == 0 {
			d.checkPlaces(u.Servers, places)
		}
	}
	d.checkSelf(virtual, "bootstrap", d.conf.Bootstrap.Servers, d.bootstrapAt)
	d.checkPlaces(d.conf.Bootstrap.Servers, d.bootstrapAt)
}

func (d *decoder) checkSelf(virtual map[netip.Addr]int, kind string, servers []Server, places []int) {
	for i, s := range servers {
		for _, a := range append([]netip.Addr{s.addr()}, s.Addresses...) {
			if at, self := virtual[a]; self {
				d.fail(max(at, place(places, i), 0), "%s is both a virtual address and the %s server %s; tundns would ask itself", a, kind, quote(s.URL))
			}
		}
	}
}

// checkPlaces refuses servers that could not be found.
func (d *decoder) checkPlaces(servers []Server, places []int) {
	for i, s := range servers {
		if why := s.nowhere(); why != "" {
			d.fail(max(place(places, i), 0), "server %s %s", quote(s.URL), why)
		}
	}
}

// checkFamilies makes sure that the host has an address of its own to ask from.
func (d *decoder) checkFamilies() {
	for i, a := range d.conf.DNS.Addresses {
		if slices.ContainsFunc(d.conf.TUN.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() == a.Is4() }) {
			continue
		}
		family := "IPv6"
		if a.Is4() {
			family = "IPv4"
		}
		d.fail(max(d.ownAt, place(d.virtual, i), 0), "the interface has no %s address from which to ask %s; add one to addresses of [tun], or remove %s from those of [dns]", family, a, a)
	}
}
