//go:build unix

package appliance

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipeIsAnError: nothing waits for somebody to write to a list.
func TestPipeIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"[[list]]\nname = \"ads\"\npath = \"pipe\"\n", "[local]\nhosts = [\"pipe\"]\n"} {
		if _, err := Check(t.Context(), parse(t, dir, text)); err == nil || !strings.Contains(err.Error(), "pipe: not a file") {
			t.Errorf("%v", err)
		}
	}
}
