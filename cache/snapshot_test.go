package cache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tundns/dnswire"
)

// filled returns a cache with an answer, a denial, a NODATA with errors and a
// failure, each under another kind of key.
func filled(t testing.TB, ck *clock) (*Messages, []Key) {
	t.Helper()
	m := ck.cache(Options{StaleFor: 24 * time.Hour})
	keys := []Key{key("example.com A"), key("x.example.com AAAA"), key("example.com TXT")}
	keys[0].DO, keys[1].CD, keys[2].Group = true, true, "office"
	m.Put(keys[0], message(t, "example.com A", 0, "example.com. 60 IN A 192.0.2.1"), nil)
	m.Put(keys[1], message(t, "x.example.com AAAA", 3, soa), nil)
	m.Put(keys[2], message(t, "example.com TXT", 0, soa), []dnswire.EDE{{Code: 9, Text: "ü"}, {Code: 1}})
	m.Put(key("fail.example A"), message(t, "fail.example A", 2), nil)
	return m, keys
}

func snapshot(t testing.TB, m *Messages) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteSnapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSnapshotIsStaleOnly(t *testing.T) {
	ck := newClock()
	m, keys := filled(t, ck)
	ck.advance(10 * time.Second)
	b := snapshot(t, m)
	ck.advance(time.Minute)
	n := ck.cache(Options{StaleFor: 24 * time.Hour})
	if got, err := n.ReadSnapshot(bytes.NewReader(b)); err != nil || got != 3 {
		t.Fatal(got, err)
	}
	for i, k := range keys {
		want, got := m.Get(k), n.Get(k)
		if got.Fresh.Found() || !got.Stale.Found() {
			t.Fatalf("%d: %+v", i, got)
		}
		h := want.Fresh
		if !h.Found() {
			h = want.Stale
		}
		if !bytes.Equal(n.AppendStale(nil, got.Stale), m.AppendStale(nil, h)) || fmt.Sprint(got.Stale.Errors()) != fmt.Sprint(h.Errors()) {
			t.Errorf("%d: not the answer that was stored", i)
		}
	}
	if l := n.Get(key("fail.example A")); l.Failure.Found() {
		t.Error("a failure outlives the program")
	}
	if l := n.Get(key("y.x.example.com A")); l.Fresh.Found() {
		t.Error("a denial of the last run is fresh") // RFC 8020 from stale data would be wrong
	}
	ck.advance(23*time.Hour + 59*time.Minute + 49*time.Second)
	if l := n.Get(keys[0]); !l.Stale.Found() {
		t.Error("not stale for as long as in the run before")
	}
	ck.advance(time.Second)
	if l := n.Get(keys[0]); l.Stale.Found() {
		t.Error("the restart gave it more life")
	}
}

func TestSnapshotByAnotherClock(t *testing.T) {
	ck := newClock()
	m, keys := filled(t, ck)
	b := snapshot(t, m)
	ck.advance(-1000 * time.Hour) // a machine that lost its clock
	n := ck.cache(Options{StaleFor: time.Hour})
	if got, err := n.ReadSnapshot(bytes.NewReader(b)); err != nil || got != 3 || n.Get(keys[0]).Fresh.Found() {
		t.Fatal(got, err)
	}
	ck.advance(time.Hour)
	if n.Get(keys[0]).Stale.Found() {
		t.Error("an entry from the future is stale for more than StaleFor")
	}
	ck.advance(2000 * time.Hour)
	n = ck.cache(Options{StaleFor: time.Hour})
	if got, err := n.ReadSnapshot(bytes.NewReader(b)); err != nil || got != 0 {
		t.Errorf("%d entries are usable after years, %v", got, err)
	}
}

func TestSnapshotKeepsTheOrderOfUse(t *testing.T) {
	ck := newClock()
	m := ck.cache(Options{MaxBytes: 1 << 20, StaleFor: time.Hour})
	name := func(i int) string { return fmt.Sprintf("n%d.example.com A", i) }
	for i := range 1000 {
		m.Put(key(name(i)), message(t, name(i), 0, fmt.Sprintf("n%d.example.com. 60 IN A 192.0.2.1", i)), nil)
	}
	m.Get(key(name(3)))
	n := ck.cache(Options{MaxBytes: 200 << 10, StaleFor: time.Hour}) // room for some 400
	if _, err := n.ReadSnapshot(bytes.NewReader(snapshot(t, m))); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]bool{0: false, 3: true, 400: false, 999: true} {
		if got := n.Get(key(name(i))).Stale.Found(); got != want {
			t.Errorf("%s: %v", name(i), got)
		}
	}
}

// TestDamagedSnapshot cuts a snapshot at every byte and flips every byte.
func TestDamagedSnapshot(t *testing.T) {
	ck := newClock()
	m, _ := filled(t, ck)
	good := snapshot(t, m)
	try := func(b []byte, what string, i int) {
		n := ck.cache(Options{StaleFor: time.Hour})
		if got, err := n.ReadSnapshot(bytes.NewReader(b)); err == nil || got != 0 {
			t.Errorf("%s %d: %d entries, %v", what, i, got, err)
		}
	}
	for i := range good {
		try(good[:i], "cut at", i)
		b := bytes.Clone(good)
		b[i] ^= 0x10
		try(b, "changed at", i)
	}
	small := ck.cache(Options{MaxBytes: 10, StaleFor: time.Hour})
	if _, err := small.ReadSnapshot(bytes.NewReader(good)); err == nil {
		t.Error("a snapshot of any size is read")
	}
}

func TestSnapshotFile(t *testing.T) {
	ck := newClock()
	m, keys := filled(t, ck)
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	for range 2 { // made, then replaced
		if n, err := m.Save(path); err != nil || n != 3 {
			t.Fatal(n, err)
		}
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Error(fi.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	n := ck.cache(Options{StaleFor: time.Hour})
	if got, err := n.Load(path); err != nil || got != 3 || !n.Get(keys[0]).Stale.Found() {
		t.Error(got, err)
	}
	if _, err := n.Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := n.Load(dir); err == nil {
		t.Error("a folder is a snapshot")
	}
	if _, err := m.Save(filepath.Join(dir, "none", "cache")); err == nil {
		t.Error("saved into a folder that does not exist")
	}
}

// FuzzSnapshot reads arbitrary bytes, and the same with the right checksum:
// nothing panics, and what is taken in can be asked for and written again.
func FuzzSnapshot(f *testing.F) {
	ck := newClock()
	m, _ := filled(f, ck)
	good := snapshot(f, m)
	f.Add(good)
	f.Add(good[:len(good)-sha256.Size])
	f.Add([]byte(snapshotMagic + "\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		for _, b := range [][]byte{b, append(bytes.Clone(b), sum[:]...)} {
			n := ck.cache(Options{MaxBytes: 1 << 20, StaleFor: 1 << 62})
			got, _ := n.ReadSnapshot(bytes.NewReader(b))
			again := ck.cache(Options{MaxBytes: 1 << 20, StaleFor: 1 << 62})
			stored := n.Stats().Kinds[Positive].Entries + n.Stats().Kinds[Negative].Entries
			if back, err := again.ReadSnapshot(bytes.NewReader(snapshot(t, n))); err != nil || int64(back) != stored || stored > int64(got) {
				t.Fatalf("%d entries read, %d stored, %d read back, %v", got, stored, back, err)
			}
			for i := range n.shards {
				for _, kind := range []Kind{Positive, Negative} {
					for _, k := range n.shards[i].lru[kind].lru.Keys() {
						k.Type = max(k.Type, 1)
						if l := n.Get(k); l.Fresh.Found() {
							t.Fatal("fresh")
						} else if l.Stale.Found() {
							n.AppendStale(nil, l.Stale)
						}
					}
				}
			}
		}
	})
}
