//go:build !race

package blocklists

import (
	"path/filepath"
	"runtime"
	"testing"
)

// A name takes at most 12 bytes of memory, and what it takes to get there at most
// twice as much: with as many names as the largest choices of public lists have.
func TestMemory(t *testing.T) {
	sources, names := manyLists(t)
	count := len(names)
	names = nil
	before := heap()
	var set *Set
	peak := heapPeak(func() { set, _ = mustLoad(t, sources...) })
	resident := heap() - before
	t.Logf("%d names, %d rules: %.2f bytes a name, %.2f by the heap, at most %.2f while loading", set.Names(), set.Rules(),
		float64(set.Bytes())/float64(set.Names()), float64(resident)/float64(set.Names()), float64(peak)/float64(set.Names()))
	if set.Names() < count*9/10 {
		t.Errorf("%d of %d names", set.Names(), count)
	}
	if n := int64(set.Names()); set.Bytes() > 12*n || resident > 12*n {
		t.Error("a name takes more than 12 bytes")
	}
	// All of it is counted, and but little that is not there.
	if resident > set.Bytes()+set.Bytes()/50 || resident < set.Bytes()-set.Bytes()/20 {
		t.Errorf("%d bytes by its own account, %d by the heap", set.Bytes(), resident)
	}
	if peak > 2*set.Bytes()+maxLine {
		t.Errorf("%d bytes while loading for a set of %d", peak, set.Bytes())
	}
	runtime.KeepAlive(set)

	l := Loader{File: filepath.Join(t.TempDir(), "compiled")}
	mustRead(t, &l, sources)
	set = nil
	before = heap()
	peak = heapPeak(func() { set = mustRead(t, &l, sources) })
	resident = heap() - before
	if !l.Used || resident > 12*int64(set.Names()) || peak > 2*set.Bytes()+maxLine {
		t.Errorf("%d bytes from the compiled form, at most %d while loading, %+v", resident, peak, l)
	}
	runtime.KeepAlive(set)
}
