//go:build !windows

package tunnel

import (
	"net"
	"os"
	"path/filepath"

	"tundns/unixsock"
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
	return unixsock.Listen(filepath.Join(socketDir, name+".sock"))
}
