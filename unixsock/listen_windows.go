package unixsock

import (
	"errors"
	"net"
)

// Listen is not there on Windows, whose sockets have no owner to go by.
func Listen(string) (net.Listener, error) { return nil, errors.ErrUnsupported }
