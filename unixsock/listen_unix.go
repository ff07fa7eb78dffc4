//go:build !windows

package unixsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// Listen listens at path for connections of the same user and of root. A socket
// that a killed process left there is replaced; one that answers is an error.
// Closing the listener removes path.
func Listen(path string) (net.Listener, error) {
	l, err := listen(path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another process answers at %s", path)
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return listen(path)
}

func listen(path string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		// On Linux a socket's file has the mode that the socket had when it was bound, so that
		// there is no moment at which others can connect. Systems that refuse this are served
		// by the Chmod below.
		return raw.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
