package upstream

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPlace: the pinned addresses come first and alone until they fail, the found
// ones are kept behind them until a pinned one works again, and the one that
// worked last is the first to be tried.
func TestPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pinned := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}
		found := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:53")}
		searches := 0
		f := &finder{place: &place{pinned: pinned, find: func(context.Context) ([]netip.AddrPort, error) {
			searches++
			return found, nil
		}}}
		var wg sync.WaitGroup
		defer wg.Wait()
		broken := errors.New("broken")
		works := pinned[0]
		try := func(ctx context.Context) (tried []netip.AddrPort, err error) {
			_, err = reach(ctx, &wg, f, false, func(ctx context.Context, addr netip.AddrPort) (bool, error) {
				tried = append(tried, addr)
				if ctx.Err() != nil {
					return false, ctx.Err()
				}
				if addr != works {
					return false, broken
				}
				return true, nil
			}, func(bool) {})
			return tried, err
		}
		expect := func(wantErr error, wantSearches int, want ...netip.AddrPort) {
			t.Helper()
			tried, err := try(t.Context())
			if err != wantErr || !slices.Equal(tried, want) || searches != wantSearches {
				t.Errorf("%v, %v after %d searches; want %v, %v after %d", tried, err, searches, want, wantErr, wantSearches)
			}
		}
		expect(nil, 0, pinned[0])
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := try(gone); err != context.Canceled {
			t.Errorf("%v", err)
		}
		expect(nil, 0, pinned[0]) // who went away has not proved anything
		works = found[0]
		expect(broken, 0, pinned[0])
		expect(nil, 1, pinned[0], found[0])
		expect(nil, 2, found[0])
		works = pinned[0]
		expect(nil, 3, found[0], pinned[0])
		expect(nil, 3, pinned[0])
	})
}

// TestPlaceSlowSearch: pinned addresses are not held up by a search for others.
func TestPlaceSlowSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{pinned: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, find: func(ctx context.Context) ([]netip.AddrPort, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		p.doubted.Store(true)
		start := time.Now()
		addrs, err := p.locate(t.Context())
		if err != nil || !slices.Equal(addrs, p.pinned) || time.Since(start) != stagger {
			t.Errorf("%v, %v after %v", addrs, err, time.Since(start))
		}
		p.pinned = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.locate(ctx); err != context.DeadlineExceeded {
			t.Errorf("%v", err)
		}
	})
}
