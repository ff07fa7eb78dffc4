package datapath

import "golang.zx2c4.com/wireguard/tun"

// The MTUs that are believed: IPv4's smallest reassembly buffer (RFC 791) up to
// the largest IP packet. IPv6 needs 1280 (RFC 8200 section 5).
const (
	minMTU  = 576
	minMTU6 = 1280
	maxMTU  = 65535
)

// forwardEvents passes the device's events on and follows its MTU, until the
// device or the filter is closed; then it closes out. It never waits for a
// reader: of events that nobody has taken it keeps the last of up and down, and
// one MTU update.
func (f *Filter) forwardEvents(in <-chan tun.Event, out chan<- tun.Event) {
	defer close(out)
	var pending []tun.Event
	for {
		var send chan<- tun.Event
		var next tun.Event
		if len(pending) > 0 {
			send, next = out, pending[0]
		}
		select {
		case e, ok := <-in:
			if !ok {
				return
			}
			if e&tun.EventMTUUpdate != 0 {
				f.updateMTU()
			}
			pending = addEvent(pending, e)
		case send <- next:
			pending = pending[1:]
		case <-f.done:
			return
		}
	}
}

// addEvent appends e to the pending events without those that e makes
// obsolete.
func addEvent(pending []tun.Event, e tun.Event) []tun.Event {
	const state = tun.EventUp | tun.EventDown
	kept := make([]tun.Event, 0, len(pending)+1)
	for _, p := range pending {
		if e&state != 0 {
			p &^= state
		}
		p &^= e & tun.EventMTUUpdate
		if p != 0 {
			kept = append(kept, p)
		}
	}
	return append(kept, e)
}

// updateMTU takes over the device's MTU. Without a believable one the last
// stays.
func (f *Filter) updateMTU() {
	if mtu, err := f.dev.MTU(); err == nil && mtu >= minMTU && mtu <= maxMTU {
		f.mtu.Store(uint32(mtu))
	}
}
