package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"tundns/tunnel/wgquick"
)

const (
	// DefaultMTU is in bytes: 1500, as Ethernet has it, less the 80 that WireGuard adds at
	// most (40 IPv6 header, 8 UDP header, 32 data message).
	DefaultMTU = 1420

	// minMTU is what an IPv4 host must be able to receive (RFC 1122 section 3.3.2), in bytes.
	minMTU = 576
	// minMTU6 is the least MTU of a link that carries IPv6 (RFC 8200 section 5), in bytes.
	minMTU6 = 1280
	// maxMTU is the largest that Linux lets a TUN interface have, in bytes.
	maxMTU = 65535

	// maxName is the kernel's IFNAMSIZ less the closing zero byte.
	maxName = 15
)

// Options say what [Open] creates. Open keeps no slice of the caller's.
type Options struct {
	// Name is the interface's name, 1 to 15 bytes. On darwin it is "utun" or "utunN".
	Name string
	// MTU is in bytes, from 576 to 65535; 0 means DefaultMTU. With less than 1280 IPv6 is
	// left out and Device.Warnings says so.
	MTU int
	// Addresses are the interface's own, with host bits. A prefix shorter than a single
	// address makes the network behind it reachable through the interface.
	Addresses []netip.Prefix
	// Virtual are the addresses that are answered inside the interface. The host sends
	// packets for them into the interface or nowhere, and does not own them.
	Virtual []netip.Addr
	// Routes are further networks behind the interface: the peers' AllowedIPs.
	Routes []netip.Prefix
	// Logf is told what goes wrong after Up has returned. It may be called from any
	// goroutine. nil discards.
	Logf func(format string, args ...any)
}

// complete returns a checked copy of o, with defaults set, that shares nothing with o.
func (o Options) complete() (Options, error) {
	if o.MTU == 0 {
		o.MTU = DefaultMTU
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	o.Addresses = slices.Clone(o.Addresses)
	o.Virtual = slices.Clone(o.Virtual)
	o.Routes = slices.Clone(o.Routes)
	if err := checkName(o.Name); err != nil {
		return Options{}, err
	}
	if o.MTU < minMTU || o.MTU > maxMTU {
		return Options{}, fmt.Errorf("MTU %d of interface %s is out of range: %d to %d", o.MTU, o.Name, minMTU, maxMTU)
	}
	return o, o.check()
}

func (o Options) check() error {
	for i, p := range o.Addresses {
		switch a := p.Addr(); {
		case !p.IsValid() || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback():
			return fmt.Errorf("%v cannot be an own address of interface %s", p, o.Name)
		case slices.ContainsFunc(o.Addresses[:i], func(q netip.Prefix) bool { return q.Addr() == a }):
			return fmt.Errorf("own address %v of interface %s is given twice", a, o.Name)
		}
	}
	for i, a := range o.Virtual {
		switch {
		case !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast():
			return fmt.Errorf("%v cannot be a virtual address", a)
		case slices.Contains(o.Virtual[:i], a):
			return fmt.Errorf("virtual address %v is given twice", a)
		case slices.ContainsFunc(o.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }):
			return fmt.Errorf("virtual address %v is also an own address of interface %s: the host would answer it itself; choose another", a, o.Name)
		}
	}
	for _, p := range o.Routes {
		switch {
		case !p.IsValid() || p != p.Masked() || p.Addr().Is4In6():
			return fmt.Errorf("%v cannot be routed into interface %s", p, o.Name)
		case p.Bits() == 0:
			return fmt.Errorf("%v cannot be routed into interface %s: full-tunnel routing is not supported in this version", p, o.Name)
		case p.IsSingleIP() && slices.Contains(o.Virtual, p.Addr()):
			return fmt.Errorf("virtual address %v is also the whole of a peer's AllowedIPs: the peer could not be reached; choose another virtual address", p.Addr())
		}
	}
	return nil
}

// checkName refuses what the kernel refuses, and '%', which it would expand to a number.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the interface has no name")
	case len(name) > maxName:
		return fmt.Errorf("interface name %q has %d bytes; the system allows %d", name, len(name), maxName)
	case name == "." || name == ".." || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("/:%", r)
	}):
		return fmt.Errorf("interface name %q is not valid: no spaces, '/', ':' or '%%'", name)
	}
	return nil
}

// InterfaceName returns the name of the interface that a wg-quick file stands for: its base
// name without ".conf". The error says what to do when that is no name for an interface.
func InterfaceName(file string) (string, error) {
	name := strings.TrimSuffix(filepath.Base(file), ".conf")
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%s: %w; rename the file or give the interface a name", file, err)
	}
	return name, nil
}

// ClientOptions completes base for client mode with what conf says: its addresses, its MTU
// (base's if the file has none), a route for each of its AllowedIPs, and the interface name
// if base has none. Of base.Addresses only those of a family that conf has no address of
// remain, so that the virtual address of that family can be asked nevertheless.
//
// It is an error if a peer's endpoint lies inside AllowedIPs. Endpoints that are names are
// checked once they are resolved; see [NewClient].
func ClientOptions(conf *wgquick.Config, base Options) (Options, error) {
	opts := base
	if opts.Name == "" {
		name, err := InterfaceName(conf.File)
		if err != nil {
			return Options{}, err
		}
		opts.Name = name
	}
	if conf.MTU != 0 {
		opts.MTU = conf.MTU
	}
	opts.Addresses = slices.Clone(conf.Addresses)
	for _, own := range base.Addresses {
		if !slices.ContainsFunc(conf.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() == own.Addr().Is4() }) {
			opts.Addresses = append(opts.Addresses, own)
		}
	}
	opts.Routes = nil
	for _, peer := range conf.Peers {
		opts.Routes = append(opts.Routes, peer.AllowedIPs...)
	}
	if err := checkEndpoints(conf); err != nil {
		return Options{}, err
	}
	return opts.complete()
}
