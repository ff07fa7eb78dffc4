//go:build !race

package nametable

import "testing"

// The most memory that a process ever has while it builds a table, above what it
// has before, is at most twice the table.
func TestPeakMemory(t *testing.T) {
	r := measurePeak(t, newWorkload(t, benchNames))
	t.Logf("%d names: %.2f bytes a name, at the peak %.2f", r.names, float64(r.table)/float64(r.names), float64(r.peak)/float64(r.names))
	if r.table > 12*r.names {
		t.Errorf("the table takes %.2f bytes a name, want at most 12", float64(r.table)/float64(r.names))
	}
	if r.peak > 2*r.table {
		t.Errorf("at the peak the process has %d bytes more than before, want at most twice the %d of the table", r.peak, r.table)
	}
}
