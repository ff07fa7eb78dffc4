package tunnel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// check looks for what is in the way, and changes nothing.
func (h *host) check() error {
	_, err := h.nl.LinkByName(h.opts.Name)
	var notFound netlink.LinkNotFoundError
	switch {
	case err == nil:
		return fmt.Errorf("interface %s exists already: is another tundns running? If not, remove it: ip link delete %[1]s", h.opts.Name)
	case !errors.As(err, &notFound):
		return fmt.Errorf("look for interface %s: %w", h.opts.Name, err)
	}
	if err := h.checkAddresses(); err != nil {
		return err
	}
	return h.checkRoutes()
}

// checkAddresses refuses own and virtual addresses that some interface has, and warns of
// virtual addresses that belong to an interface's network.
func (h *host) checkAddresses() error {
	have, err := h.nl.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !tolerable(err) {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range have {
		local := prefix(a.IPNet).Addr()
		// On a point-to-point link the peer's prefix is the network, on others the own.
		network := prefix(a.IPNet)
		if a.Peer != nil {
			network = prefix(a.Peer)
		}
		for _, own := range h.opts.Addresses {
			if own.Addr() == local {
				return fmt.Errorf("address %v of %s is taken by %s already; choose another", local, h.opts.Name, h.linkName(a.LinkIndex))
			}
		}
		for _, v := range h.opts.Virtual {
			switch {
			case v == local:
				return fmt.Errorf("virtual address %v is in use: %s has it; choose another", v, h.linkName(a.LinkIndex))
			case network.Contains(v):
				h.warn("virtual address %v lies in the network %v of %s: a host of that address there cannot be reached from here", v, network.Masked(), h.linkName(a.LinkIndex))
			}
		}
	}
	return nil
}

// checkRoutes refuses virtual addresses that are routed somewhere by a route of their own.
// Only the tables that every host consults count.
func (h *host) checkRoutes() error {
	routes, err := h.routes(func(r netlink.Route) bool {
		dst := prefix(r.Dst)
		return slices.Contains([]int{unix.RT_TABLE_MAIN, unix.RT_TABLE_LOCAL, unix.RT_TABLE_DEFAULT}, r.Table) &&
			dst.IsSingleIP() && slices.Contains(h.opts.Virtual, dst.Addr())
	})
	if err != nil {
		return err
	}
	for _, r := range routes {
		index := r.LinkIndex
		if owner, ok := fallbackOf(r); ok {
			if !h.exists(owner) {
				continue // a leftover, which up removes
			}
			index = owner
		}
		family, dst := "-4", prefix(r.Dst).Addr()
		if dst.Is6() {
			family = "-6"
		}
		return fmt.Errorf("virtual address %v is in use: there is a route for it to %s (see: ip %s route show table all %[1]v); choose another", dst, h.linkName(index), family)
	}
	return nil
}

const clonePath = "/dev/net/tun"

// createError says what to do about a TUN interface that could not be created.
func createError(name string, err error) error {
	_, statErr := os.Stat(clonePath)
	switch {
	case errors.Is(statErr, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("create interface %s: there is no TUN driver at %s: load it with \"modprobe tun\"; in a container, add --device %[2]s", name, clonePath)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("create interface %s: the name is taken: %w", name, err)
	}
	return fmt.Errorf("create interface %s: %w", name, explain(err))
}

// explain adds to a lack of privileges how to get them.
func explain(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	program, exeErr := os.Executable()
	if exeErr != nil {
		program = "PROGRAM"
	}
	return fmt.Errorf("%w: run as root, or give the program the capability: setcap cap_net_admin+ep %s; in a container, add --cap-add NET_ADMIN --device %s", err, program, clonePath)
}
