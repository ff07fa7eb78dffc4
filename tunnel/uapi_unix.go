//go:build !windows

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// socketDir is where wg(8) looks for userspace implementations.
const socketDir = "/var/run/wireguard"

// listenUAPI opens the socket that makes "wg show NAME" work. One that a killed process
// left there is replaced; one that answers is an error.
//
// The ipc package of wireguard-go does the same, but changes the umask of the whole
// process, keeps a second listening descriptor open, and can leave a goroutine behind when
// it is closed with connections pending.
func listenUAPI(name string) (net.Listener, error) {
	if err := os.MkdirAll(socketDir, 0o755); err != nil {
		return nil, err
	}
	return listenUnix(filepath.Join(socketDir, name+".sock"))
}

// listenUnix listens at path for connections of the same user and of root. Closing the
// listener removes path.
func listenUnix(path string) (net.Listener, error) {
	l, err := listenPrivate(path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another WireGuard answers at %s", path)
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return listenPrivate(path)
}

func listenPrivate(path string) (net.Listener, error) {
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
