package download

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestChanged counts the calls for lists that come at several times.
func TestChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, nil)
		var o Options
		delays := map[string]time.Duration{"/a": 0, "/b": time.Second, "/c": gather - 1, "/d": 20 * time.Second}
		for path := range delays {
			o.Lists = append(o.Lists, List{Name: path, URL: "https://example.com" + path})
		}
		body := rules(3)
		p.set(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(delays[r.URL.Path])
			io.WriteString(w, body)
		})
		var r *Refresher
		var at []time.Duration
		var copies []int
		start := time.Now()
		o = p.options(t, o.Lists...)
		o.Changed = func() {
			at = append(at, time.Since(start))
			n := 0
			for _, s := range r.Status() { // no lock is held
				if r.Path(s.List) != "" {
					n++
				}
			}
			copies = append(copies, n)
		}
		r = open(t, o)
		r.Start()
		time.Sleep(22 * time.Hour)
		synctest.Wait()
		if !slices.Equal(at, []time.Duration{gather, 20 * time.Second}) || !slices.Equal(copies, []int{3, 4}) {
			t.Errorf("told at %v of %v copies", at, copies)
		}
		at = nil
		time.Sleep(5 * time.Hour) // the same text again, without ETag
		synctest.Wait()
		if n := len(p.seen()); n != 8 || len(at) != 0 {
			t.Errorf("told %d times of the same text, in %d requests", len(at), n)
		}
		p.set(text(rules(4), ""))
		if err := r.Refresh(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(at) != 1 {
			t.Errorf("told %d times of a refresh by hand", len(at))
		}
		// Another process has replaced the copy and what is known of it.
		p.set(text(rules(5), `"other"`))
		other := open(t, o)
		if err := other.Refresh(t.Context(), "/b"); err != nil {
			t.Fatal(err)
		}
		at = nil
		if err := r.Refresh(t.Context(), "/b"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(at) != 1 {
			t.Errorf("told %d times of another process's copy", len(at))
		}
	})
}

// TestTogether has more lists than are fetched at the same time, and Refresh in
// between.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		p := publish(t, func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(10 * time.Second)
			now.Add(-1)
			io.WriteString(w, rules(3))
		})
		var lists []List
		for _, c := range "abcdefghij" {
			lists = append(lists, List{Name: string(c), URL: "https://example.com/" + string(c)})
		}
		r := open(t, p.options(t, lists...))
		start := time.Now()
		r.Start()
		synctest.Wait()
		if n := now.Load(); n != maxFetches {
			t.Errorf("%d at the same time, want %d", n, maxFetches)
		}
		errs := make(chan error)
		for _, name := range []string{"a", "a", "j", "j"} { // under way, and waiting for a slot
			go func() { errs <- r.Refresh(t.Context(), name) }()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if n := len(p.seen()); n != len(lists) || most.Load() != maxFetches {
			t.Errorf("%d requests for %d lists, %d at the same time", n, len(lists), most.Load())
		}
		for _, s := range r.Status() {
			if s.Path == "" || s.Fetching || s.Checked.Sub(start) > 31*time.Second {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, rules(3))
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		o, j := p.options(t, ads, List{Name: "other", URL: "https://example.com/other"}), new(journal)
		o.Log, o.Observer = j.log(0), j
		r := open(t, o)
		r.Start()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { errs <- r.Refresh(ctx, "ads") }()
		synctest.Wait()
		cancel()
		if err := <-errs; err != context.Canceled {
			t.Error(err)
		}
		for range 2 {
			go func() { errs <- r.Refresh(t.Context(), "ads") }()
		}
		synctest.Wait()
		if s := r.Status()[0]; !s.Fetching {
			t.Fatal("the end of the waiting was that of the fetch")
		}
		j.take()
		start := time.Now()
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		tidy(t, o.Folder, 0)
		if d := time.Since(start); d != 0 {
			t.Errorf("Close took %v", d)
		}
		for range 2 {
			if err := <-errs; err != ErrClosed {
				t.Error(err)
			}
		}
		if err := r.Refresh(t.Context(), "ads"); err != ErrClosed {
			t.Error(err)
		}
		r.Start()
		synctest.Wait()
		if lines, observed := j.take(); lines != nil || observed != nil {
			t.Errorf("Close is told as a failure: %q, %q", lines, observed)
		}
		if s := r.Status()[0]; s.Failures != 0 || s.Err != nil || s.Fetching {
			t.Errorf("%+v", s)
		}
		if n := len(p.seen()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestCloseWithoutSlot closes while a Refresh waits for its turn.
func TestCloseWithoutSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		var lists []List
		for _, c := range "abcdefghij" { // more than the slots, twice
			lists = append(lists, List{Name: string(c), URL: "https://example.com/" + string(c)})
		}
		o, j := p.options(t, lists...), new(journal)
		o.Log = j.log(0)
		r := open(t, o)
		errs := make(chan error)
		for _, l := range lists {
			go func() { errs <- r.Refresh(t.Context(), l.Name) }()
		}
		synctest.Wait()
		r.Close()
		for range lists {
			if err := <-errs; err != ErrClosed {
				t.Error(err)
			}
		}
		r.Start()
		synctest.Wait()
		if lines, _ := j.take(); lines != nil {
			t.Errorf("Start after Close says %q", lines)
		}
	})
}

func TestUnknownList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, publish(t, nil).options(t))
		if err := r.Refresh(t.Context(), "adds"); err == nil || !strings.Contains(err.Error(), `"adds"`) {
			t.Error(err)
		}
		if r.Path("adds") != "" {
			t.Error("a copy of what is not configured")
		}
	})
}
