package tunnel

import (
	"net"

	"golang.zx2c4.com/wireguard/ipc"
)

// listenUAPI opens WireGuard's named pipe for the interface.
func listenUAPI(name string) (net.Listener, error) { return ipc.UAPIListen(name) }
