// Package memtun is a TUN device in memory, for tests and examples of what
// wraps or uses a tun.Device.
//
// It has two ends. One is a tun.Device, which behaves as a Linux TUN where that
// matters: several packets a read, a write that needs room for a header before
// each packet and that refuses a batch with an empty packet. The other end is
// the host: Send is what a host routes into the device, Receive what the host
// gets from it.
package memtun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/tun"
)

// Queue lengths, in batches and packets. Both sides block when theirs is full,
// so that nothing is lost in the device.
const (
	sendQueue    = 256
	receiveQueue = 16384
)

// minOffset is the size of the Linux virtio network header, which a TUN with
// offloads writes before each packet.
const minOffset = 10

// Options describe a device. A zero field means its default.
type Options struct {
	Name      string // default "mem0"
	MTU       int    // in bytes; default 1420
	BatchSize int    // default 128, as a Linux TUN with offloads
}

// TUN is the device; see the package comment. All methods may be called by
// several goroutines at once, but for Read.
type TUN struct {
	name      string
	batchSize int
	mtu       atomic.Int64

	toDevice chan [][]byte
	rest     [][]byte // what the last Read had no buffers for; the reader's
	toHost   chan []byte

	mu     sync.Mutex // guards events against use after close
	closed bool
	done   chan struct{}
	events chan tun.Event
}

var _ tun.Device = (*TUN)(nil)

// New returns a device that is up. It has no goroutines.
func New(o Options) *TUN {
	t := &TUN{
		name:      "mem0",
		batchSize: 128,
		toDevice:  make(chan [][]byte, sendQueue),
		toHost:    make(chan []byte, receiveQueue),
		done:      make(chan struct{}),
		events:    make(chan tun.Event, 16),
	}
	if o.Name != "" {
		t.name = o.Name
	}
	if o.BatchSize != 0 {
		t.batchSize = o.BatchSize
	}
	t.mtu.Store(1420)
	if o.MTU != 0 {
		t.mtu.Store(int64(o.MTU))
	}
	t.events <- tun.EventUp
	return t
}

// Send routes packets into the device as one batch, which one Read returns if
// it has the buffers. The packets are copied. It blocks while the queue is full
// and fails with os.ErrClosed after Close.
func (t *TUN) Send(packets ...[]byte) error {
	own := make([][]byte, len(packets))
	for i, p := range packets {
		own[i] = append([]byte(nil), p...)
	}
	select {
	case <-t.done:
		return os.ErrClosed
	default:
	}
	select {
	case t.toDevice <- own:
		return nil
	case <-t.done:
		return os.ErrClosed
	}
}

// Receive returns the next packet that was written to the device. It fails with
// ctx's error, or with os.ErrClosed once the device is closed and empty.
func (t *TUN) Receive(ctx context.Context) ([]byte, error) {
	select {
	case p := <-t.toHost:
		return p, nil
	default:
	}
	select {
	case p := <-t.toHost:
		return p, nil
	case <-t.done:
		return nil, os.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Read implements tun.Device.
func (t *TUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case <-t.done:
		return 0, os.ErrClosed
	default:
	}
	if len(t.rest) == 0 {
		select {
		case t.rest = <-t.toDevice:
		case <-t.done:
			return 0, os.ErrClosed
		}
	}
	n := 0
	for n < len(bufs) && n < len(t.rest) {
		p := t.rest[n]
		if len(p) > len(bufs[n])-offset {
			t.rest = t.rest[n+1:]
			return n, fmt.Errorf("memtun: a packet of %d bytes overflows a buffer of %d", len(p), len(bufs[n])-offset)
		}
		sizes[n] = copy(bufs[n][offset:], p)
		n++
	}
	t.rest = t.rest[n:]
	return n, nil
}

// Write implements tun.Device.
func (t *TUN) Write(bufs [][]byte, offset int) (int, error) {
	if offset < minOffset {
		return 0, fmt.Errorf("memtun: invalid offset %d: a device may need %d bytes before the packet", offset, minOffset)
	}
	for _, b := range bufs {
		if len(b) <= offset {
			return 0, errors.New("memtun: empty packet")
		}
	}
	for i, b := range bufs {
		select {
		case <-t.done:
			return i, os.ErrClosed
		default:
		}
		select {
		case t.toHost <- append([]byte(nil), b[offset:]...):
		case <-t.done:
			return i, os.ErrClosed
		}
	}
	return len(bufs), nil
}

// File returns nil: there is none.
func (t *TUN) File() *os.File { return nil }

// MTU returns the MTU in bytes.
func (t *TUN) MTU() (int, error) { return int(t.mtu.Load()), nil }

// SetMTU changes the MTU and says so in Events.
func (t *TUN) SetMTU(mtu int) {
	t.mtu.Store(int64(mtu))
	t.Emit(tun.EventMTUUpdate)
}

// Emit sends an event. It must not be called with more than a few events
// unread.
func (t *TUN) Emit(e tun.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.events <- e
	}
}

// Name returns the name.
func (t *TUN) Name() (string, error) { return t.name, nil }

// Events returns the events, starting with EventUp.
func (t *TUN) Events() <-chan tun.Event { return t.events }

// BatchSize returns the batch size.
func (t *TUN) BatchSize() int { return t.batchSize }

// Close ends all reads and writes. A second Close returns os.ErrClosed.
func (t *TUN) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return os.ErrClosed
	}
	t.closed = true
	close(t.done)
	close(t.events)
	return nil
}
