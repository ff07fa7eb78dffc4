//go:build !windows

package unixsock

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")

	// As a killed process leaves it.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	first, err := Listen(path)
	if err != nil {
		t.Fatalf("with a leftover in the way: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %v, want %v", mode, fs.FileMode(0o600))
	}
	if second, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another process answers") {
		t.Errorf("a second one at the same path: %v, %v", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("closed, the socket is still there: %v", err)
	}
	if _, err := Listen(filepath.Join(path, "not", "there.sock")); err == nil {
		t.Error("listening in a directory that does not exist succeeded")
	}
}
