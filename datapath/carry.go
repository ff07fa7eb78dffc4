package datapath

import "errors"

// maxReplyReads is the number of reads in a row that may return nothing but replies
// to peers. Then the host's packets have their turn, however many replies wait.
const maxReplyReads = 16

// Read reads packets from the host as tun.Device does, for the tunnel to send.
// Of the n packets returned, those with size 0 were taken by the filter. With
// Config.Peers the packets may be replies to peers.
func (f *Filter) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if f.source == nil {
		n, err := f.dev.Read(bufs, sizes, offset)
		f.sift(bufs[:n], sizes, offset)
		return n, err
	}
	replies := f.outs[FromPeers]
	for {
		turn := f.replyReads >= maxReplyReads
		if !turn {
			if n := replies.takeInto(bufs, sizes, offset); n > 0 {
				f.replyReads++
				return n, nil
			}
		}
		n, err := f.source.read(bufs, sizes, offset, turn)
		f.replyReads = 0
		if err == errWoken {
			continue
		}
		f.sift(bufs[:n], sizes, offset)
		if err == nil {
			n += replies.takeInto(bufs[n:], sizes[n:], offset)
		}
		return n, err
	}
}

// sift takes the filter's packets out of what was read, by setting their sizes
// to 0. The buffers stay where they are.
func (f *Filter) sift(bufs [][]byte, sizes []int, offset int) {
	t := f.table.Load()
	passed, bytes := 0, 0
	for i, b := range bufs {
		size := sizes[i]
		if size == 0 {
			continue
		}
		if f.passes(t, FromHost, b[offset:offset+size]) {
			passed++
			bytes += size
		} else {
			sizes[i] = 0
		}
	}
	f.counts[FromHost].pass(passed, bytes)
}

// Write gives packets from peers to the host as tun.Device does, but for those
// that the filter takes. It returns the number of packets that were written or
// taken. It keeps nothing of bufs and does not wait for services.
func (f *Filter) Write(bufs [][]byte, offset int) (int, error) {
	t := f.table.Load()
	passed, bytes, start := 0, 0, 0
	n, errs := 0, error(nil)
	write := func(run [][]byte) {
		if len(run) == 0 {
			return
		}
		if _, err := f.dev.Write(run, offset); err != nil {
			errs = errors.Join(errs, err)
			return
		}
		n += len(run)
	}
	for i, b := range bufs {
		size := len(b) - offset
		if f.passes(t, FromPeers, b[offset:]) {
			passed++
			bytes += size
			continue
		}
		write(bufs[start:i])
		n++
		start = i + 1
	}
	f.counts[FromPeers].pass(passed, bytes)
	if start == 0 {
		return f.dev.Write(bufs, offset)
	}
	write(bufs[start:])
	return n, errs
}

// passes decides on one packet: true if it goes on untouched, false if it was
// served or dropped.
func (f *Filter) passes(t *table, d Direction, p []byte) bool {
	c := t.classify(p)
	if c == foreign && t.match[d].none() {
		return true
	}
	return f.handle(t, d, c, p)
}

// handle is passes for a packet that is ours or that rules may want.
func (f *Filter) handle(t *table, d Direction, c class, p []byte) bool {
	count := &f.counts[d]
	switch {
	case c == foreign:
		if t.judge(d, p) == Drop {
			count.drop(ByRule)
			return false
		}
		return true
	case c == spoofed:
		// Unlike a packet that is merely spoofed, one whose two addresses are
		// equal is a known attack.
		if isLand(p) {
			count.drop(Land)
		} else {
			count.drop(Spoofed)
		}
		return false
	case f.outs[d] == nil:
		count.drop(PeersRefused)
		return false
	}
	v, reason := validate(p)
	if reason != valid {
		count.drop(reason)
		return false
	}
	if !t.match[d].none() && t.judge(d, v.b) == Drop {
		count.drop(ByRule)
		return false
	}
	count.served.Add(1)
	count.servedBytes.Add(uint64(len(v.b)))
	if v.plain && v.proto == protoUDP {
		seg := v.b[v.upper:]
		if f.deliverUDP(d, v.src(), v.dst(), seg[:udpLength(seg)]) {
			return false
		}
	}
	f.net.links[d].inject(v.b, v.v6)
	return false
}
