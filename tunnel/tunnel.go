// Package tunnel joins tundns to the host: it opens the TUN interface, gives it
// addresses and routes, and runs WireGuard as a client on it.
//
// The parts are put together in this order, and closed in the opposite one:
//
//	dev, err := tunnel.Open(opts)                  // checks the host, creates the interface
//	filter := ...                                  // any tun.Device around dev.TUN()
//	client, err := tunnel.NewClient(filter, ...)   // client mode only
//	err = dev.Up()                                 // addresses, link, routes
//
// Up comes last because from then on packets arrive, and whoever reads them should be
// there already.
//
// # Routes
//
// Every virtual address gets two routes while a [Device] is up: one into the interface,
// and one of type "unreachable" with a metric so high that it counts only when the first
// is gone. The kernel takes the first away when the link goes down; the second then keeps
// queries from leaving by the default route towards a stranger who may own that address
// there. When the link comes back, addresses and routes are set again.
//
// [Device.Close] removes both. After SIGKILL the interface disappears with its routes, and
// the unreachable ones stay: queries fail at once instead of leaking, and the next Open in
// this network namespace, whatever its addresses, removes them. They bear the routing
// protocol number 53 and name their interface in the metric, by which leftovers are told
// from the routes of another running tundns.
//
// Addresses and routes are set on Linux only. Elsewhere Open creates the interface and
// [Device.Up] returns an error.
package tunnel

import (
	"errors"
	"fmt"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
)

// Device is an open TUN interface with its addresses and routes. Its methods may be called
// from several goroutines at once.
type Device struct {
	tun  tun.Device
	name string
	host *host

	mu       sync.Mutex // guards the fields below and orders calls of host
	up       bool
	closed   bool
	closeErr error
}

// Open checks that the host has room for what opts ask for and creates the interface. Its
// link is down, it has no address and no route until [Device.Up].
//
// Errors say what is in the way and what to do: missing privileges, no TUN driver, an
// interface of that name, an own or virtual address that is in use already. Nothing is
// left behind then. On success the caller closes the Device.
func Open(opts Options) (*Device, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	h, err := newHost(opts)
	if err != nil {
		return nil, err
	}
	dev, err := tun.CreateTUN(opts.Name, opts.MTU)
	if err != nil {
		return nil, errors.Join(createError(opts.Name, err), h.close(func() error { return nil }))
	}
	d := &Device{tun: dev, host: h}
	// The system may choose the name ("utun" on darwin).
	d.name, err = dev.Name()
	if err == nil {
		err = h.adopt(d.name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open interface %s: %w", opts.Name, err), d.Close())
	}
	return d, nil
}

// TUN returns the interface for reading and writing packets. The Device keeps owning it;
// whoever closes it earlier, as WireGuard does, does no harm.
func (d *Device) TUN() tun.Device { return d.tun }

// Name returns the interface's name as the system knows it.
func (d *Device) Name() string { return d.name }

// Up sets the addresses, brings the link up and sets the routes; those that keep packets
// to a virtual address from going elsewhere come first. After an error the Device is half
// done and only good for [Device.Close], which takes back what was set. A second call does
// nothing.
//
// From a successful Up to Close, a link that somebody takes down and up again gets its
// addresses and routes back; see [Options.Logf] for when that fails.
func (d *Device) Up() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return fmt.Errorf("interface %s is closed", d.name)
	case d.up:
		return nil
	}
	if err := d.host.up(); err != nil {
		return fmt.Errorf("bring up interface %s: %w", d.name, err)
	}
	d.up = true
	return nil
}

// Warnings returns what Open and Up found worth telling the user without being an error,
// one line each: that IPv6 was left out, or that a virtual address hides a neighbour. The
// caller owns the slice.
func (d *Device) Warnings() []string {
	return d.host.warned()
}

// Close removes the routes, the addresses and the interface, and ends a Read of
// [Device.TUN], with [os.ErrClosed] unless it begins at this moment. When Close returns,
// the host is as it was before Open. Further calls return what the first one did.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return d.closeErr
	}
	d.closed = true
	d.closeErr = d.host.close(d.tun.Close)
	// Its listeners block on events that nobody takes, and close the channel when they end.
	for range d.tun.Events() {
	}
	if d.closeErr != nil {
		d.closeErr = fmt.Errorf("close interface %s: %w", d.name, d.closeErr)
	}
	return d.closeErr
}
