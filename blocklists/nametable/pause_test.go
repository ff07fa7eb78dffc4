package nametable

import (
	"testing"

	"tundns/blocklists/listtest"
)

// Build pauses all the way through, and the table is the same.
func TestPause(t *testing.T) {
	p, paused := newPair(), newPair()
	calls := 0
	paused.builder.Pause = func() { calls++ }
	for line, name := range listtest.Names(50_000) {
		p.add(t, name, Rule{Line: uint32(line + 1)})
		paused.add(t, name, Rule{Line: uint32(line + 1)})
	}
	want, got := p.build(t)[0], paused.build(t)[0]
	if most := 1<<got.bucketBits/pauseEvery + 1; calls < most/2 || calls > most {
		t.Errorf("%d pauses in %d buckets", calls, 1<<got.bucketBits)
	}
	if got.Names() != want.Names() || got.Rules() != want.Rules() || got.Bytes() > want.Bytes()*101/100 {
		t.Errorf("%d names, %d rules, %d bytes; want %d, %d, %d", got.Names(), got.Rules(), got.Bytes(), want.Names(), want.Rules(), want.Bytes())
	}
}
