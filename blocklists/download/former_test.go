package download

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// moved is ads at another URL.
var moved = List{Name: "ads", URL: "https://example.com/moved.txt"}

// TestMoved gives a list another URL, which has nothing good at first: the copy
// from the one before serves, over restarts too, until there is a good one.
func TestMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), `"a"`))
		o, j := p.options(t, List{Name: "ads", URL: "https://user:secret@example.com/"}), new(journal)
		first := open(t, o)
		refresh(t, first)
		old, checked := first.Path("ads"), time.Now()
		first.Close()
		time.Sleep(time.Hour)

		told := 0
		o.Lists, o.Log, o.Changed = []List{moved}, j.log(0), func() { told++ }
		var r *Refresher
		for _, answer := range []http.HandlerFunc{status(404), text("<html>", `"a"`), text("# moved\n", ""), text("a\x00", "")} {
			p.set(answer)
			p.seen()
			r = open(t, o)
			has(t, r, rules(10))
			s := r.Status()[0]
			if s.Path != old || s.Former != "https://user:xxxxx@example.com/" || s.URL != moved.URL || s.Rules != 10 || !s.Checked.Equal(checked) ||
				s.Next.After(time.Now()) {
				t.Errorf("%+v", s)
			}
			r.Start()
			synctest.Wait()
			if got := p.last(t).Header.Get("If-None-Match"); got != "" {
				t.Errorf("the new URL is asked for changes of another's: %s", got)
			}
			has(t, r, rules(10))
			tidy(t, o.Folder, 2)
			lines, _ := j.take()
			if len(lines) != 2 || !strings.Contains(lines[0], "other URLs") || !strings.Contains(lines[0], "lists=[ads]") ||
				!strings.Contains(lines[1], "level=WARN") || !strings.Contains(lines[1], "another URL") {
				t.Errorf("logged %q", lines)
			}
			refused(t, r, r.Status()[0].Err.Reason)
			if lines, _ = j.take(); len(lines) != 1 || strings.Contains(lines[0], "secret") {
				t.Errorf("logged %q", lines)
			}
			if told != 0 {
				t.Error("told of a change")
			}
			r.Close()
		}

		// Three rules after ten, with the validator of the other text.
		p.set(text(rules(3), `"a"`))
		r = open(t, o)
		r.Start()
		synctest.Wait()
		has(t, r, rules(3))
		if s := r.Status()[0]; s.Former != "" || s.Path == old || s.Rules != 3 || told != 1 {
			t.Errorf("told %d times; %+v", told, s)
		}
		time.Sleep(linger - 1)
		synctest.Wait()
		tidy(t, o.Folder, 4) // somebody may be about to open it
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		tidy(t, o.Folder, 2)
		has(t, r, rules(3))
		if _, err := os.Stat(old); err == nil {
			t.Error("the former copy is still there")
		}
		j.take()
		again := open(t, o)
		has(t, again, rules(3))
		again.Start()
		synctest.Wait()
		if lines, _ := j.take(); len(lines) != 1 || !strings.Contains(lines[0], "copies=1") {
			t.Errorf("logged %q", lines)
		}
	})
}

// TestMovedBeforeStart has the copy come by hand, and ends before a former one is
// swept.
func TestMovedBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), ""))
		o := p.options(t)
		refresh(t, open(t, o))
		o.Lists = []List{moved}
		r := open(t, o)
		refresh(t, r)
		time.Sleep(2 * linger)
		tidy(t, o.Folder, 4) // nothing is removed without Start
		r.Start()
		synctest.Wait()
		tidy(t, o.Folder, 2)
		r.Close()

		o.Lists = []List{ads}
		r = open(t, o)
		r.Start()
		synctest.Wait()
		start := time.Now()
		r.Close()
		if d := time.Since(start); d != 0 {
			t.Errorf("Close took %v", d)
		}
		tidy(t, o.Folder, 4)
		r = open(t, o)
		r.Start()
		synctest.Wait()
		tidy(t, o.Folder, 2)
		has(t, r, rules(10))
	})
}

// TestMovedBack goes to a URL that has nothing, and back.
func TestMovedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), `"a"`))
		o := p.options(t)
		refresh(t, open(t, o))
		for _, l := range []List{moved, {Name: "ads", URL: "https://example.com/third.txt"}, ads} {
			p.set(status(404))
			o.Lists = []List{l}
			r := open(t, o)
			r.Start()
			synctest.Wait()
			has(t, r, rules(10))
			tidy(t, o.Folder, 2)
			r.Close()
		}
		p.set(text(rules(10), `"a"`))
		p.seen()
		r := open(t, o)
		if s := r.Status()[0]; s.Former != "" || s.ETag != `"a"` {
			t.Errorf("%+v", s)
		}
		refresh(t, r)
		if got := p.last(t).Header.Get("If-None-Match"); got != `"a"` {
			t.Errorf("If-None-Match: %q", got)
		}
	})
}

// TestFormer has folders with several copies, of which the right one is to serve
// for a list without a copy of its own.
func TestFormer(t *testing.T) {
	at := func(name, path string) List { return List{Name: name, URL: "https://example.com/" + path} }
	a, b, c := at("ads", "a"), at("ads", "b"), at("ads", "c")
	tests := []struct {
		name  string
		lists []List // whose copies come an hour after each other, with 1, 2, 3… rules
		spoil func(s *store) error
		want  int // rules of the copy that serves, 0: none
	}{
		{"none", nil, nil, 0},
		{"one", []List{a}, nil, 1},
		{"the later", []List{a, b}, nil, 2},
		{"the later, again", []List{b, a}, nil, 2},
		{"the latest", []List{a, b, c}, nil, 3},
		{"confirmed later", []List{a, b, a}, nil, 3},
		{"its own", []List{a, moved, b}, nil, 2},
		{"name that begins alike", []List{a, at("ads-x", "a"), at("ads-", "c"), at("ad", "s-a")}, nil, 1},
		{"only names that begin alike", []List{at("ads-x", "a"), at("ads-", "c"), at("Ads", "a"), at("ads_", "a")}, nil, 0},
		{"its own is HTML", []List{moved, a}, func(s *store) error { return os.WriteFile(s.path(&moved), []byte("<html>"), 0o600) }, 2},
		{"the later is HTML", []List{a, b}, func(s *store) error { return os.WriteFile(s.path(&b), []byte("<html>"), 0o600) }, 1},
		{"the later is empty", []List{a, b}, func(s *store) error { return os.Truncate(s.path(&b), 0) }, 1},
		{"the later is gone", []List{a, b}, func(s *store) error { return os.Remove(s.path(&b)) }, 1},
		{"the later is a folder", []List{a, b}, func(s *store) error { return firstOf(os.Remove(s.path(&b)), os.Mkdir(s.path(&b), 0o700)) }, 1},
		{"nobody knows whose", []List{a}, func(s *store) error { return os.Remove(s.metadataPath(&a)) }, 0},
		{"metadata under another name", []List{a}, func(s *store) error {
			return os.Rename(s.metadataPath(&a), filepath.Join(s.folder, stem("ads", "x")+metadataSuffix))
		}, 0},
		{"edited", []List{a}, func(s *store) error { return os.WriteFile(s.path(&a), []byte(rules(7)), 0o600) }, 7},
		{"only damaged", []List{a}, func(s *store) error { return os.WriteFile(s.path(&a), []byte("a\x00"), 0o600) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, nil)
				o := p.options(t)
				for i, l := range tt.lists {
					p.set(text(rules(i+1), ""))
					o.Lists = []List{l}
					if err := open(t, o).Refresh(t.Context(), l.Name); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Hour)
				}
				if tt.spoil != nil {
					if err := tt.spoil(&store{folder: o.Folder}); err != nil {
						t.Fatal(err)
					}
				}
				o.Lists = []List{moved}
				p.set(status(500))
				for _, when := range []string{"New", "Start", "a restart"} {
					r := open(t, o)
					if when == "Start" {
						r.Start()
						synctest.Wait()
					}
					if got := r.Status()[0].Rules; got != tt.want {
						t.Errorf("%s: %d rules, want %d", when, got, tt.want)
					}
					if tt.want > 0 {
						has(t, r, rules(tt.want))
					} else if got := r.Path("ads"); got != "" {
						t.Errorf("%s: %s is to be loaded", when, got)
					}
					r.Close()
				}
			})
		})
	}
}

// TestFormerFormat changes the way of reading a list together with its URL: rules
// are those that are found now.
func TestFormerFormat(t *testing.T) {
	for _, n := range []int{0, 4, 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, text(rules(10), ""))
				o := p.options(t)
				refresh(t, open(t, o))
				p.set(status(404))
				o.Lists = []List{moved}
				count := o.Inspect
				o.Inspect = func(list string, r io.Reader) (int, error) {
					_, err := count(list, r)
					return n, err
				}
				r := open(t, o)
				if s := r.Status()[0]; s.Rules != n || (r.Path("ads") == "") != (n == 0) {
					t.Errorf("%+v", s)
				}
				r.Start()
				synctest.Wait()
				tidy(t, o.Folder, 2) // the way of reading may be the mistake
			})
		})
	}
}

// TestFormerOfMany has some of the lists move, be removed and stay.
func TestFormerOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), `"a"`))
		o, j := p.options(t, ads, List{Name: "gone", URL: ads.URL}, List{Name: "stays", URL: ads.URL}), new(journal)
		r := open(t, o)
		for _, l := range o.Lists {
			if err := r.Refresh(t.Context(), l.Name); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		p.set(status(404))
		o.Lists = []List{moved, {Name: "new", URL: ads.URL}, {Name: "stays", URL: ads.URL}}
		o.Log = j.log(0)
		r = open(t, o)
		r.Start()
		synctest.Wait()
		var got []string
		for _, s := range r.Status() {
			got = append(got, fmt.Sprintf("%s %d %q", s.List, s.Rules, s.Former))
		}
		if want := []string{`ads 10 "https://example.com/ads.txt"`, `new 0 ""`, `stays 10 ""`}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		tidy(t, o.Folder, 4)
		lines, _ := j.take()
		if all := strings.Join(lines, ""); !strings.Contains(all, "lists=[ads]") || !strings.Contains(all, `lists=[new] "copies of others"=2`) {
			t.Errorf("logged %q", lines)
		}
	})
}
