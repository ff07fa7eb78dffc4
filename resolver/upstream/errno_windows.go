package upstream

import (
	"errors"
	"syscall"
)

// winsock gives the numbers that Windows uses where package syscall's constants
// are made up. A UDP socket reports ICMP port unreachable as WSAECONNRESET.
var winsock = map[syscall.Errno][]syscall.Errno{
	syscall.ECONNREFUSED:  {10061},
	syscall.ECONNRESET:    {10053, 10054},
	syscall.ENETUNREACH:   {10051},
	syscall.EHOSTUNREACH:  {10065},
	syscall.EADDRNOTAVAIL: {10049},
	syscall.ENOBUFS:       {10055},
}

func isErrno(err error, want syscall.Errno) bool {
	if errors.Is(err, want) {
		return true
	}
	for _, n := range winsock[want] {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}
