//go:build unix

package appliance

import "golang.org/x/sys/unix"

// mkfifo makes a pipe that has a name.
func mkfifo(path string) error { return unix.Mkfifo(path, 0o600) }
