package download

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDamage does to a folder what crashes, editors and other processes do. The
// copy is used as far as it is a list; the next request is for the whole text.
func TestDamage(t *testing.T) {
	old, fresh := rules(10), rules(12)
	write := func(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }
	tests := []struct {
		name        string
		spoil       func(text, meta string) error
		want        string // the copy
		conditional bool
	}{
		{"nothing", func(text, meta string) error { return nil }, old, true},
		{"crash between metadata and text", func(text, meta string) error {
			m, err := readMetadata(meta)
			m.ETag, m.Rules, m.SHA256 = `"b"`, 12, strings.Repeat("0", digestLen)
			b, _ := json.Marshal(m)
			return firstOf(err, write(meta, string(b)))
		}, old, false},
		{"text of another process", func(text, meta string) error { return write(text, fresh) }, fresh, false},
		{"edited", func(text, meta string) error { return write(text, strings.Replace(old, "n1", "m1", 1)) }, strings.Replace(old, "n1", "m1", 1), false},
		{"no metadata", func(text, meta string) error { return os.Remove(meta) }, old, false},
		{"metadata cut", func(text, meta string) error { return os.Truncate(meta, 100) }, old, false},
		{"metadata empty", func(text, meta string) error { return os.Truncate(meta, 0) }, old, false},
		{"metadata huge", func(text, meta string) error {
			b, err := os.ReadFile(meta)
			return firstOf(err, write(meta, string(b)+strings.Repeat(" ", maxMetadata)))
		}, old, false},
		{"metadata of another URL", func(text, meta string) error {
			b, err := os.ReadFile(meta)
			return firstOf(err, write(meta, strings.Replace(string(b), "example.com", "example.net", 1)))
		}, old, false},
		{"metadata of another size", func(text, meta string) error {
			b, err := os.ReadFile(meta)
			return firstOf(err, write(meta, strings.Replace(string(b), `"bytes": `, `"bytes": 1`, 1)))
		}, old, false},
		{"no text", func(text, meta string) error { return os.Remove(text) }, "", false},
		{"text empty", func(text, meta string) error { return os.Truncate(text, 0) }, "", false},
		{"text is HTML", func(text, meta string) error { return write(text, "<html>") }, "", false},
		{"text is binary", func(text, meta string) error { return write(text, "a\x00b") }, "", false},
		{"text is a folder", func(text, meta string) error { return firstOf(os.Remove(text), os.Mkdir(text, 0o700)) }, "", false},
	}
	for _, tt := range tests {
		for _, restart := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, restart %v", tt.name, restart), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := publish(t, text(old, `"a"`))
					o := p.options(t)
					r := open(t, o)
					refresh(t, r)
					p.seen()
					path := r.store.path(&ads)
					if err := tt.spoil(path, r.store.metadataPath(&ads)); err != nil {
						t.Fatal(err)
					}
					if restart {
						r = restarted(t, o, tt.want, tt.conditional)
					}
					if info, err := os.Stat(path); err == nil && info.IsDir() {
						os.Remove(path)
					}
					refresh(t, r)
					if got := p.last(t).Header.Get("If-None-Match") != ""; got != tt.conditional {
						t.Errorf("asked for changes only: %v", got)
					}
					has(t, r, old)
					if s := open(t, o).Status()[0]; s.ETag != `"a"` || s.Rules != 10 || s.Checked.IsZero() {
						t.Errorf("not mended: %+v", s)
					}
					tidy(t, o.Folder, 2)
				})
			})
		}
	}
}

// restarted makes a Refresher that is to find the copy given, "" for none, and to
// fetch it soon if it was spoiled.
func restarted(t *testing.T, o Options, want string, good bool) *Refresher {
	t.Helper()
	r := open(t, o)
	s := r.Status()[0]
	if want != "" {
		has(t, r, want)
	} else if path := r.Path("ads"); path != "" || s.Path != "" {
		t.Errorf("%s is to be loaded", path)
	}
	if n := strings.Count(want, "\n"); s.Rules != n {
		t.Errorf("%d rules, want %d", s.Rules, n)
	}
	if soon := !s.Next.After(time.Now()); soon == good {
		t.Errorf("the next fetch is at %v, now it is %v", s.Next, time.Now())
	}
	return r
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSweep takes away lists.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(3), ""))
		gone := List{Name: "gone", URL: "https://example.com/gone"}
		o := p.options(t, ads, gone)
		r := open(t, o)
		for _, l := range o.Lists {
			if err := r.Refresh(t.Context(), l.Name); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		mine := map[string]string{
			"notes.txt":                     "",
			"notes-0123456789abcdef.list":   rules(3),
			"notes-0123456789abcdef.json":   `{}`,
			"gone.list":                     rules(3),
			"copy.json":                     `{"list": "gone", "url": "https://example.com/gone"}`,
			stem("x", "y") + ".list":        rules(3),
			"z-" + stem("x", "y") + ".json": `[`,
			draftPrefix + "young":           "",
		}
		backup, err := os.ReadFile(r.store.metadataPath(&gone))
		if err != nil {
			t.Fatal(err)
		}
		mine["backup.json"], mine["backup.list"] = string(backup), rules(3)
		for name, content := range mine {
			if err := os.WriteFile(filepath.Join(o.Folder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		draft := filepath.Join(o.Folder, draftPrefix+"old")
		if err := os.WriteFile(draft, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		// The wall clock of the files is not that of the bubble.
		now := time.Now()
		for name, age := range map[string]time.Duration{"young": draftLife, "old": draftLife + time.Second} {
			at := now.Add(-age)
			if err := os.Chtimes(filepath.Join(o.Folder, draftPrefix+name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		p.set(status(500))
		o.Lists = []List{{Name: "other", URL: ads.URL}}
		r = open(t, o)
		if r.Path("other") != "" {
			t.Error("the copy is that of another list")
		}
		tidy(t, o.Folder, len(mine)+1+4) // New has removed nothing
		r.Start()
		synctest.Wait()
		files, err := os.ReadDir(o.Folder)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Name())
		}
		if want := slices.Sorted(maps.Keys(mine)); !slices.Equal(got, want) {
			t.Errorf("left: %q, want %q", got, want)
		}
	})
}

func TestStem(t *testing.T) {
	const url = "https://example.com/"
	good := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}-[0-9a-f]{16}$`)
	seen := make(map[string]string)
	for _, name := range []string{"ads", "Ads", "ADS", "a/d", "a\\d", "a_d", "../../etc", ".", "..", "/", "con", "con.x", "nul", "ä", "a d", "a\x00", "-rf",
		strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("ä", 300)} {
		for _, u := range []string{url, url + "x"} {
			s := stem(name, u)
			if !good.MatchString(s) {
				t.Errorf("%q: %s", name, s)
			}
			folded := strings.ToLower(s) // as on file systems that ignore case
			if other, ok := seen[folded]; ok {
				t.Errorf("%q has the files of %q", name, other)
			}
			seen[folded] = name
		}
	}
	long := strings.Repeat("x", maxLabel)
	if stem(long+"x", "y") == stem(long, "xy") {
		t.Error("name and URL run into each other")
	}
}
