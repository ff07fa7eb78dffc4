package tunnel

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// watch starts to restore addresses and routes whenever the link has come up again. The
// kernel drops the routes, and the IPv6 addresses, when somebody takes it down.
func (h *host) watch() error {
	updates := make(chan netlink.LinkUpdate)
	stop := make(chan struct{})
	err := netlink.LinkSubscribeWithOptions(updates, stop, netlink.LinkSubscribeOptions{
		ErrorCallback: func(err error) {
			select {
			case <-stop: // closing the socket is how a watch ends
			default:
				h.opts.Logf("interface %s: watching the link: %v", h.opts.Name, err)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch the link: %w", err)
	}
	h.stop, h.stopped = stop, make(chan struct{})
	go h.restore(updates)
	return nil
}

// restore ends when updates is closed, which it is after stop.
func (h *host) restore(updates <-chan netlink.LinkUpdate) {
	defer close(h.stopped)
	wasUp := true
	for u := range updates {
		if int(u.Index) != h.index() {
			continue
		}
		isUp := u.Header.Type == unix.RTM_NEWLINK && u.Flags&unix.IFF_UP != 0
		if isUp && !wasUp {
			if err := h.configure(); err != nil {
				h.opts.Logf("interface %s came up again, but: %v", h.opts.Name, err)
			}
		}
		wasUp = isUp
	}
}
