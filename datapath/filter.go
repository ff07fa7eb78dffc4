package datapath

import (
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/tcpip"
)

// Config says what a filter serves. The zero value serves the host only, at
// addresses added later.
type Config struct {
	// Addresses are the first virtual addresses; see Filter.AddAddress.
	Addresses []netip.Addr

	// Peers: serve also what arrives from peers. If off, packets from peers to
	// a virtual address are dropped, and counted as PeersRefused.
	Peers bool

	clock tcpip.Clock // the netstack's, for tests; nil is the system's
}

// Filter is a tun.Device around a tun.Device that serves virtual addresses. Its
// methods may be called by any number of goroutines at once, except that only
// one may be in Read or Run.
type Filter struct {
	dev       tun.Device
	batchSize int
	mtu       atomic.Uint32 // the device's
	events    chan tun.Event

	table atomic.Pointer[table]
	udp   atomic.Pointer[map[netip.AddrPort]*UDPConn] // the map is immutable
	net   *netstack
	outs  [directions]*outbound // nil for a side that is not served

	source     source // nil if replies never leave by Read
	replyReads int    // reads in a row that returned replies only; the reader's

	counts    [directions]counters
	discarded atomic.Uint64

	mu        sync.Mutex // serializes changes of table, udp, listeners and the addresses of net
	listeners map[*tcpListener]struct{}

	done      chan struct{} // closed first thing in Close
	wg        sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

var _ tun.Device = (*Filter)(nil)

// New wraps dev, which belongs to the filter from now on and is closed with it.
// If New fails, dev stays the caller's.
//
// With Config.Peers a read that waits in the kernel must be interrupted for
// each reply to a peer. That is done by a deadline on dev.File, which must be
// the file that dev reads; if there is none or it has no deadlines, a goroutine
// reads dev into buffers of its own.
func New(dev tun.Device, cfg Config) (*Filter, error) {
	mtu, err := dev.MTU()
	if err != nil {
		return nil, fmt.Errorf("datapath: reading the device's MTU: %w", err)
	}
	if mtu < minMTU || mtu > maxMTU {
		return nil, fmt.Errorf("datapath: the device's MTU is %d: it must be between %d and %d", mtu, minMTU, maxMTU)
	}
	f := &Filter{
		dev:       dev,
		batchSize: dev.BatchSize(),
		events:    make(chan tun.Event),
		listeners: make(map[*tcpListener]struct{}),
		done:      make(chan struct{}),
	}
	f.mtu.Store(uint32(mtu))
	f.table.Store(newTable(nil, nil))
	f.udp.Store(&map[netip.AddrPort]*UDPConn{})
	f.outs[FromHost] = newOutbound(&f.counts[FromHost])
	if cfg.Peers {
		f.outs[FromPeers] = newOutbound(&f.counts[FromPeers])
	}
	if f.net, err = newNetstack(&f.mtu, f.outs, f.deliverUDP, cfg.clock); err != nil {
		return nil, err
	}
	for _, a := range cfg.Addresses {
		if err := f.AddAddress(a); err != nil {
			f.net.close()
			return nil, err
		}
	}
	if cfg.Peers {
		f.source = newSource(dev, f.done)
		f.outs[FromPeers].wake = f.source.wake
		if p, ok := f.source.(*pump); ok {
			f.wg.Go(p.run)
		}
	}
	f.wg.Go(func() { f.outs[FromHost].drainToHost(dev, f.done) })
	f.wg.Go(func() { f.forwardEvents(dev.Events(), f.events) })
	return f, nil
}

// File returns the device's file, which may be nil. Its read deadline is the
// filter's.
func (f *Filter) File() *os.File { return f.dev.File() }

// MTU returns the device's MTU.
func (f *Filter) MTU() (int, error) { return f.dev.MTU() }

// Name returns the device's name.
func (f *Filter) Name() (string, error) { return f.dev.Name() }

// BatchSize returns the device's batch size at New.
func (f *Filter) BatchSize() int { return f.batchSize }

// Events returns the device's events. The channel is closed by Close, or when
// the device closes its own. Not reading it holds nothing up.
func (f *Filter) Events() <-chan tun.Event { return f.events }
