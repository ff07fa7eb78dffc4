package blocklists

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tundns/dnswire"
)

// A load in the background gives the same set as any other, with and without a
// file, and the other way round.
func TestBackgroundLoad(t *testing.T) {
	sources := manySources()
	plain, reports := mustLoad(t, sources...)
	o := oracleOf(t, sources, reports)
	file := filepath.Join(t.TempDir(), "compiled")
	for _, l := range []Loader{{Background: true}, {Background: true, File: file}, {Background: true, File: file}, {File: file}} {
		set := mustRead(t, &l, sources)
		if set.Rules() != plain.Rules() || set.Names() != plain.Names() {
			t.Errorf("%+v: %d rules for %d names", l, set.Rules(), set.Names())
		}
		for text := range o.names {
			agree(t, set, o, named(dnswire.MustName(text)), set.All())
		}
	}
}

// It rests whenever it has worked for a while, but not once it is called off.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pause := pauses(ctx)
		slept := func(worked time.Duration) time.Duration {
			time.Sleep(worked)
			start := time.Now()
			pause()
			return time.Since(start)
		}
		for _, tt := range []struct{ worked, want time.Duration }{{0, 0}, {workTime - 1, 0}, {1, restTime}, {0, 0}, {workTime, restTime}} {
			if got := slept(tt.worked); got != tt.want {
				t.Errorf("after %v of work: %v, want %v", tt.worked, got, tt.want)
			}
		}
		cancel()
		if got := slept(workTime); got != 0 {
			t.Errorf("called off: %v", got)
		}
	})
}
