package tunnel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// queueLength is the interface's transmit queue, in packets (8 bytes each). A burst of
// 1,500 queries must fit while the reader is not scheduled; the driver's 500 would lose
// most of it without a trace.
const queueLength = 4096

// addrGenNone is IN6_ADDR_GEN_MODE_NONE: the kernel makes no link-local address of its own
// and so sends no router solicitations into the tunnel.
const addrGenNone = 1

// host sets the addresses and routes of one interface by netlink. Device.mu orders calls
// of newHost, adopt, up and close.
type host struct {
	opts Options
	// nl is bound to the network namespace in which Open was called, so that later calls
	// may come from any thread.
	nl   *netlink.Handle
	link netlink.Link // set by adopt
	ipv6 bool         // false once IPv6 is left out; after up only the watch touches it

	stop    chan struct{} // closed to end the watch; nil when there is none
	stopped chan struct{} // closed when the watch has ended

	mu       sync.Mutex // guards warnings
	warnings []string
}

func newHost(opts Options) (*host, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	h := &host{opts: opts, nl: nl, ipv6: true}
	if err := h.check(); err != nil {
		nl.Close()
		return nil, err
	}
	return h, nil
}

func (h *host) adopt(name string) (err error) {
	h.link, err = h.nl.LinkByName(name)
	return err
}

func (h *host) up() error {
	if err := h.removeLeftovers(); err != nil {
		return explain(err)
	}
	if err := h.nl.LinkSetTxQLen(h.link, queueLength); err != nil {
		return explain(fmt.Errorf("set the queue length to %d: %w", queueLength, err))
	}
	if h.opts.MTU < minMTU6 {
		h.leaveOutIPv6(fmt.Sprintf("its MTU of %d is below %d (RFC 8200 section 5)", h.opts.MTU, minMTU6))
	}
	if err := h.configure(); err != nil {
		return explain(err)
	}
	return h.watch()
}

// configure sets what is not set yet and leaves alone what is, so that it can be repeated
// after the link was down.
func (h *host) configure() error {
	// First of all, so that at no moment packets to a virtual address can go elsewhere.
	for _, a := range h.opts.Virtual {
		if err := h.nl.RouteReplace(fallbackRoute(a, h.index())); err != nil && !h.withoutIPv6(a.Is6(), err) {
			return fmt.Errorf("set the unreachable route for %v: %w", a, err)
		}
	}
	if h.ipv6 {
		err := h.nl.LinkSetIP6AddrGenMode(h.link, addrGenNone)
		if err != nil && !h.withoutIPv6(true, err) {
			return fmt.Errorf("turn off link-local addresses: %w", err)
		}
	}
	for _, p := range h.opts.Addresses {
		if p.Addr().Is6() && !h.ipv6 {
			continue
		}
		if err := h.nl.AddrReplace(h.link, address(p)); err != nil && !h.withoutIPv6(p.Addr().Is6(), err) {
			return fmt.Errorf("set address %v: %w", p, err)
		}
	}
	if err := h.nl.LinkSetUp(h.link); err != nil {
		return fmt.Errorf("set the link up: %w", err)
	}
	return h.setRoutes()
}

// close undoes everything. The TUN is closed first, so that a blocked Read ends as closed
// and not as broken. That removes the interface once the Read has returned; deleting it
// makes sure that it is gone now. The unreachable routes go last.
func (h *host) close(closeTUN func() error) error {
	if h.stop != nil {
		close(h.stop)
		<-h.stopped
	}
	errs := []error{closeTUN()}
	if h.link != nil {
		if err := h.nl.LinkDel(h.link); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("delete the interface: %w", err))
		}
		errs = append(errs, h.removeFallbacks())
	}
	h.nl.Close()
	return errors.Join(errs...)
}

func (h *host) index() int { return h.link.Attrs().Index }

func (h *host) warned() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.warnings)
}

func (h *host) warn(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warnings = append(h.warnings, fmt.Sprintf(format, args...))
}

// withoutIPv6 reports whether err, met while setting something, of IPv6 if is6, means that
// this host has no IPv6 and can be lived with. IPv6 is left out from then on.
func (h *host) withoutIPv6(is6 bool, err error) bool {
	if !is6 || !lacksIPv6(err) {
		return false
	}
	h.leaveOutIPv6("it is disabled on this host (sysctl net.ipv6.conf.*.disable_ipv6, or the kernel's ipv6.disable)")
	return true
}

// lacksIPv6 holds the errors for IPv6 that is disabled by sysctl (EACCES), by the kernel's
// command line (EAFNOSUPPORT, EOPNOTSUPP), or by a sandbox (EPERM: a mere lack of
// privileges has shown when the interface was created).
func lacksIPv6(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) ||
		errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

func (h *host) leaveOutIPv6(why string) {
	if !h.ipv6 {
		return
	}
	h.ipv6 = false
	var lost []string
	for _, a := range h.opts.Virtual {
		if a.Is6() {
			lost = append(lost, a.String())
		}
	}
	for _, p := range slices.Concat(h.opts.Addresses, h.opts.Routes) {
		if p.Addr().Is6() {
			lost = append(lost, p.String())
		}
	}
	if len(lost) != 0 {
		h.warn("IPv6 is left out of interface %s, because %s; without effect: %s", h.opts.Name, why, strings.Join(lost, ", "))
	}
}

// address returns p for netlink. IPv6 addresses skip duplicate address detection: there is
// nobody to ask on this link, and they are to be usable at once.
func address(p netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

// ipNet keeps p's host bits.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefix is the inverse of ipNet; it returns the zero Prefix for nil.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if bits == 32 {
		a = a.Unmap()
	}
	return netip.PrefixFrom(a, ones)
}
