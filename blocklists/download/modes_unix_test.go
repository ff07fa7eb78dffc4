//go:build unix

package download

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

func TestModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := publish(t, text(rules(3), "")).options(t)
		o.Folder = filepath.Join(o.Folder, "lists")
		refresh(t, open(t, o))
		files, err := filepath.Glob(o.Folder + "/*")
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		for path, want := range map[string]os.FileMode{o.Folder: 0o700 | os.ModeDir, files[0]: 0o600, files[1]: 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, want %v", path, info.Mode(), want)
			}
		}
	})
}
