package datapath

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// checkListen reports why no service can listen at local, if so. f.mu is held.
func (f *Filter) checkListen(local netip.AddrPort) error {
	a := local.Addr()
	switch {
	case f.checkOpen() != nil:
		return net.ErrClosed
	case local.Port() == 0:
		return errors.New("name a port: 0 is none")
	case !a.IsValid() || !a.IsUnspecified() && !f.table.Load().isVirtual(a):
		return fmt.Errorf("%v is not a virtual address", a)
	}
	return nil
}

// collide reports whether two services cannot listen at a and b together: the
// unspecified address takes the port at every address of its family.
func collide(a, b netip.AddrPort) bool {
	return a == b || a.Port() == b.Port() && a.Addr().Is4() == b.Addr().Is4() &&
		(a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}
