//go:build !windows

package upstream

import (
	"errors"
	"syscall"
)

func isErrno(err error, want syscall.Errno) bool { return errors.Is(err, want) }
