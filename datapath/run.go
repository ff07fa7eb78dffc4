package datapath

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.zx2c4.com/wireguard/tun"
)

// errClosed is what methods return after Close.
var errClosed = fmt.Errorf("datapath: filter is closed: %w", os.ErrClosed)

func (f *Filter) checkOpen() error {
	select {
	case <-f.done:
		return errClosed
	default:
		return nil
	}
}

// Run reads the device where no tunnel does: packets to virtual addresses are
// served, all others are let go and counted as Discarded. It returns nil after
// Close, which it calls when ctx is done, and an error if the device fails.
func (f *Filter) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	size := max(f.batchSize, 1)
	bufs, sizes := newBuffers(size), make([]int, size)
	for {
		n, err := f.Read(bufs, sizes, headroom)
		for _, s := range sizes[:n] {
			if s > 0 {
				f.discarded.Add(1)
			}
		}
		switch {
		case f.checkOpen() != nil:
			return f.Close() // waits for the Close under way
		case err != nil && !errors.Is(err, tun.ErrTooManySegments):
			return fmt.Errorf("datapath: reading the device: %w", err)
		}
	}
}

// Close closes the device, all services and their connections, and ends the
// filter's goroutines; Read and Run return. It does not wait for the services'
// own goroutines. Further calls return what the first one did.
func (f *Filter) Close() error {
	f.closeOnce.Do(func() {
		f.mu.Lock()
		close(f.done)
		listeners := make([]*tcpListener, 0, len(f.listeners))
		for l := range f.listeners {
			listeners = append(listeners, l)
		}
		conns := *f.udp.Load()
		f.mu.Unlock()

		f.closeErr = f.dev.Close()
		for _, l := range listeners {
			l.Close()
		}
		for _, c := range conns {
			c.Close()
		}
		f.net.close()
		f.wg.Wait()
	})
	return f.closeErr
}
