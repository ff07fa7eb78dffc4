package download

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDisk takes away what is written to.
func TestDisk(t *testing.T) {
	path := stem(ads.Name, ads.URL)
	for name, spoil := range map[string]func(folder string) error{
		"no folder": os.RemoveAll,
		"a folder for the copy": func(folder string) error {
			return os.MkdirAll(filepath.Join(folder, path+copySuffix, "x"), 0o700)
		},
		"a folder for the metadata": func(folder string) error {
			return os.MkdirAll(filepath.Join(folder, path+metadataSuffix, "x"), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, text(rules(3), `"a"`))
				o := p.options(t)
				o.Folder = filepath.Join(o.Folder, "made", "for", "it")
				r := open(t, o)
				if err := spoil(o.Folder); err != nil {
					t.Fatal(err)
				}
				refused(t, r, Disk)
				if got := r.Path("ads"); got != "" {
					t.Error(got)
				}
				if drafts, err := filepath.Glob(filepath.Join(o.Folder, draftPrefix+"*")); err != nil || drafts != nil {
					t.Errorf("left behind: %q, %v", drafts, err)
				}
				os.RemoveAll(o.Folder)
				os.MkdirAll(o.Folder, 0o700)
				refresh(t, r)
				has(t, r, rules(3))
				tidy(t, o.Folder, 2)
			})
		})
	}
	for name, tag := range map[string]string{"304": `"a"`, "the same text": `"b"`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, text(rules(3), `"a"`))
				o := p.options(t)
				r := open(t, o)
				refresh(t, r)
				meta := filepath.Join(o.Folder, path+metadataSuffix)
				p.set(func(w http.ResponseWriter, q *http.Request) {
					os.Remove(meta)
					os.MkdirAll(filepath.Join(meta, "x"), 0o700)
					text(rules(3), tag)(w, q)
				})
				refused(t, r, Disk)
				has(t, r, rules(3))
			})
		})
	}
	t.Run("full", func(t *testing.T) {
		f, err := os.Open(os.DevNull) // not open for writing: every write fails
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		in := newIntake(t.Context(), strings.NewReader(rules(3)), draft{f}, timer, 1<<20)
		if _, err := inspect("", in); err == nil {
			t.Error("no error")
		}
		if err, ok := errors.AsType[*Error](in.failed()); !ok || err.Reason != Disk {
			t.Error(in.failed())
		}
	})
}
