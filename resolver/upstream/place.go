package upstream

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// place says where a server is: at its pinned addresses, and at those that find
// knows once the pinned ones have failed, or when there are none.
type place struct {
	pinned []netip.AddrPort
	find   func(context.Context) ([]netip.AddrPort, error) // nil: none

	doubted atomic.Bool // the pinned ones have failed
}

// locate returns the addresses to try, one at least.
func (p *place) locate(ctx context.Context) ([]netip.AddrPort, error) {
	if p.find == nil || len(p.pinned) > 0 && !p.doubted.Load() {
		return p.pinned, nil
	}
	if len(p.pinned) > 0 { // they are not held up for long
		ctx, cancel := context.WithTimeout(ctx, stagger)
		defer cancel()
		found, _ := p.find(ctx)
		return append(slices.Clip(p.pinned), found...), nil
	}
	found, err := p.find(ctx)
	if err != nil && ctx.Err() == nil {
		err = &placeError{err}
	}
	return found, err
}

// placeError marks a server whose address is not known.
type placeError struct{ err error }

func (e *placeError) Error() string { return "upstream: no address: " + e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

// finder tries a server's addresses, the one that worked last first.
type finder struct {
	place *place
	good  atomic.Pointer[netip.AddrPort]
}

// reach is race over the addresses that f knows.
func reach[T any](ctx context.Context, wg *sync.WaitGroup, f *finder, again bool,
	try func(context.Context, netip.AddrPort) (T, error), discard func(T)) (v T, err error) {
	addrs, err := f.place.locate(ctx)
	if err != nil {
		return v, err
	}
	first := 0
	if good := f.good.Load(); good != nil {
		first = max(slices.Index(addrs, *good), 0)
	}
	v, i, err := race(ctx, wg, len(addrs), first, again,
		func(ctx context.Context, i int) (T, error) { return try(ctx, addrs[i]) }, discard)
	switch {
	case errors.Is(err, context.Canceled): // says nothing of the addresses
		return v, err
	case err != nil:
		f.place.doubted.Store(true)
		return v, err
	case slices.Contains(f.place.pinned, addrs[i]):
		f.place.doubted.Store(false)
	}
	if good := f.good.Load(); good == nil || *good != addrs[i] {
		f.good.Store(&addrs[i])
	}
	return v, nil
}
