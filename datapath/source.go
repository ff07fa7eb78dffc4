package datapath

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/tun"
)

// errWoken says that a read ended because of a wake.
var errWoken = errors.New("datapath: read woken")

// source is a device's Read that can be interrupted. One goroutine reads; any
// may wake.
type source interface {
	// read reads packets as tun.Device.Read does. It returns errWoken, and no
	// packet, soon after a wake that happened since the last read returned
	// errWoken. In the host's turn it does not heed wakes, and returns errWoken
	// if the host sends nothing for hostTurnTime.
	read(bufs [][]byte, sizes []int, offset int, hostTurn bool) (int, error)
	wake()
}

// hostTurnTime is how long replies to peers wait for the host's packets in the
// host's turn. The runtime's poller knows no shorter time.
const hostTurnTime = time.Millisecond

// newSource returns the source for dev: one that wakes by deadlines if the
// device's file has them, and if not a pump, whose run the caller must start.
func newSource(dev tun.Device, done <-chan struct{}) source {
	if file := dev.File(); file != nil && file.SetReadDeadline(time.Time{}) == nil {
		return &deadlineSource{dev: dev, file: file}
	}
	return &pump{
		dev:     dev,
		batches: make(chan batch),
		taken:   make(chan struct{}),
		woken:   make(chan struct{}, 1),
		done:    done,
	}
}

// deadlineSource wakes a read that the kernel blocks by a deadline in the past.
// The runtime checks the deadline before it reads, and reads whole packets, so
// that none is lost.
type deadlineSource struct {
	dev  tun.Device
	file *os.File

	// woken: a deadline in the past is set, or about to be, and a further wake
	// need not set one.
	woken atomic.Bool
}

var past = time.Unix(1, 0)

func (s *deadlineSource) wake() {
	if s.woken.CompareAndSwap(false, true) {
		// This fails only on a closed file, whose reads fail by themselves.
		s.file.SetReadDeadline(past)
	}
}

func (s *deadlineSource) read(bufs [][]byte, sizes []int, offset int, hostTurn bool) (int, error) {
	if hostTurn {
		s.woken.Store(true) // until rearm: no wake may cut the turn short
		s.file.SetReadDeadline(time.Now().Add(hostTurnTime))
	}
	n, err := s.dev.Read(bufs, sizes, offset)
	if hostTurn || errors.Is(err, os.ErrDeadlineExceeded) {
		s.rearm()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errWoken
	}
	return n, err
}

// rearm clears the deadline before it allows the next wake to set one, so that
// the clearing cannot undo a wake: who finds woken still set has queued its
// reply before the caller looks at the queue.
func (s *deadlineSource) rearm() {
	s.file.SetReadDeadline(time.Time{})
	s.woken.Store(false)
}

// pump reads the device on a goroutine of its own, into buffers of its own,
// where a read cannot be interrupted. It ends when the device is closed.
type pump struct {
	dev     tun.Device
	batches chan batch    // closed when the device has ended
	taken   chan struct{} // the batch's packets have been copied out
	woken   chan struct{}
	done    <-chan struct{}

	held batch // being copied out; the reader's
	err  error // why batches was closed; set before
}

// batch is the outcome of one read of the device.
type batch struct {
	bufs  [][]byte
	sizes []int
	err   error
}

func (p *pump) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pump) run() {
	defer close(p.batches)
	size := max(p.dev.BatchSize(), 1)
	bufs, sizes := newBuffers(size), make([]int, size)
	for {
		n, err := p.dev.Read(bufs, sizes, headroom)
		if err != nil && !errors.Is(err, tun.ErrTooManySegments) {
			p.err = err
			return
		}
		select {
		case p.batches <- batch{bufs[:n], sizes[:n], err}:
		case <-p.done:
			p.err = os.ErrClosed
			return
		}
		select {
		case <-p.taken:
		case <-p.done:
			p.err = os.ErrClosed
			return
		}
	}
}

func (p *pump) read(bufs [][]byte, sizes []int, offset int, hostTurn bool) (int, error) {
	if len(p.held.bufs) == 0 {
		var ok bool
		if hostTurn {
			select {
			case p.held, ok = <-p.batches:
			case <-time.After(hostTurnTime):
				return 0, errWoken
			}
		} else {
			select {
			case p.held, ok = <-p.batches:
			case <-p.woken:
				return 0, errWoken
			}
		}
		if !ok {
			return 0, p.err
		}
	}
	n := 0
	for n < len(bufs) && n < len(p.held.bufs) {
		from := p.held.bufs[n][headroom : headroom+p.held.sizes[n]]
		if len(bufs[n])-offset < len(from) {
			from = nil // as a device whose packet does not fit its reader's buffer
		}
		sizes[n] = copy(bufs[n][offset:], from)
		n++
	}
	err := p.held.err
	p.held.bufs, p.held.sizes = p.held.bufs[n:], p.held.sizes[n:]
	if len(p.held.bufs) > 0 {
		return n, nil
	}
	select {
	case p.taken <- struct{}{}:
	case <-p.done:
	}
	return n, err
}

// newBuffers returns n buffers for the largest IP packet behind headroom. They
// share one allocation, of which only what packets touch becomes resident.
func newBuffers(n int) [][]byte {
	const size = headroom + 65535
	slab := make([]byte, n*size)
	bufs := make([][]byte, n)
	for i := range bufs {
		bufs[i] = slab[i*size : (i+1)*size : (i+1)*size]
	}
	return bufs
}
