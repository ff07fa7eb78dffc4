package datapath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// withRoom puts packets behind headroom, as wireguard-go gives them to Write.
func withRoom(packets ...[]byte) (bufs [][]byte) {
	for _, p := range packets {
		bufs = append(bufs, append(make([]byte, headroom), p...))
	}
	return bufs
}

func TestWritePassesRunsOn(t *testing.T) {
	ours := udpPacket(ap(peer4, 1), ap(vip4, 53), "ours")
	for _, pattern := range []string{"", "f", "o", "ff", "oo", "fo", "of", "fof", "ofo", "ffoffoof", "oofff"} {
		dev := newScriptTUN(8)
		var got [][]byte
		var runs int
		f := newFilter(t, dev, Config{})
		dev.write = func(bufs [][]byte, offset int) (int, error) {
			if offset != headroom {
				t.Errorf("%s: offset %d", pattern, offset)
			}
			runs++
			got = append(got, bufs...)
			return 1, nil
		}
		var packets, want [][]byte
		for i, kind := range pattern {
			if kind == 'o' {
				packets = append(packets, ours)
			} else {
				packets = append(packets, udpPacket(ap(peer4, 1), ap(host4, 2), fmt.Sprint("foreign ", i)))
			}
		}
		bufs := withRoom(packets...)
		for i, kind := range pattern {
			if kind == 'f' {
				want = append(want, bufs[i])
			}
		}
		before := slices.Clone(bufs)
		n, err := f.Write(bufs, headroom)
		if err != nil || n != len(pattern) && n != 1 { // untouched batches return what the device does
			t.Errorf("%s: Write = %d, %v", pattern, n, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d packets reached the device, want %d", pattern, len(got), len(want))
		}
		for i := range want {
			if &got[i][0] != &want[i][0] || len(got[i]) != len(want[i]) {
				t.Errorf("%s: packet %d is not the caller's buffer, in order", pattern, i)
			}
		}
		for i := range before {
			if &before[i][0] != &bufs[i][0] {
				t.Errorf("%s: the caller's slice was permuted", pattern)
			}
		}
		s := f.Stats().Peers
		if int(s.Passed) != len(want) || int(s.Dropped[PeersRefused]) != len(pattern)-len(want) {
			t.Errorf("%s: stats %+v", pattern, s)
		}
	}
}

// Whether peers are served or not, nothing of theirs passes that is to or from
// a virtual address.
func TestWriteAbsorbs(t *testing.T) {
	for _, peers := range []bool{false, true} {
		dev := newScriptTUN(8)
		f := newFilter(t, dev, Config{Peers: peers})
		dev.write = func(bufs [][]byte, _ int) (int, error) {
			t.Errorf("peers %v: %x reached the host", peers, bufs)
			return len(bufs), nil
		}
		f.Write(withRoom(
			udpPacket(ap(vip4, 53), ap(host4, 1), "spoofed"),
			udpPacket(ap(vip6, 53), ap(host6, 1), "spoofed"),
			udpPacket(ap(vip6, 53), ap(vip6, 53), "land"),
			tcpPacket(ap(peer4, 1), ap(vip4, 22), flagSYN, 1, 0),
			ip(peer6, vip6, 132, []byte("sctp")),
			udpPacket(ap(peer4, 1), ap(vip4, 53), "cut")[:22],
		), headroom)
		s := f.Stats().Peers
		served, refused, malformed := uint64(0), uint64(3), uint64(0)
		if peers {
			served, refused, malformed = 2, 0, 1
		}
		if s.Passed != 0 || s.Served != served || s.Dropped[PeersRefused] != refused ||
			s.Dropped[Malformed] != malformed || s.Dropped[Spoofed] != 2 || s.Dropped[Land] != 1 {
			t.Errorf("peers %v: stats %+v", peers, s)
		}
	}
}

func TestWriteReportsTheDevicesError(t *testing.T) {
	failed := errors.New("device failed")
	dev := newScriptTUN(8)
	dev.write = func([][]byte, int) (int, error) { return 0, failed }
	f := newFilter(t, dev, Config{})
	foreign := udpPacket(ap(peer4, 1), ap(host4, 2), "foreign")
	ours := udpPacket(ap(peer4, 1), ap(vip4, 53), "ours")
	for name, batch := range map[string][][]byte{"all foreign": {foreign}, "mixed": {ours, foreign, ours}} {
		if _, err := f.Write(withRoom(batch...), headroom); !errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := f.Write(withRoom(ours, ours), headroom); n != 2 || err != nil {
		t.Errorf("all ours: %d, %v", n, err)
	}
}

// wireguard-go reuses the buffers as soon as Write has returned, and has one
// goroutine write for each peer.
func TestWriteCopiesAndIsConcurrent(t *testing.T) {
	h := newHarness(t, Config{Peers: true})
	echo(h.listenUDP(ap(vip4, 53)), 2, same)
	const peers, queries = 4, 300
	answers := make(chan []byte, peers*queries)
	go func() {
		bufs, sizes := newBuffers(h.BatchSize()), make([]int, h.BatchSize())
		for {
			n, err := h.Read(bufs, sizes, headroom)
			if err != nil {
				return
			}
			for i := range n {
				if sizes[i] > 0 {
					answers <- slices.Clone(bufs[i][headroom : headroom+sizes[i]])
				}
			}
		}
	}()
	var wg sync.WaitGroup
	for p := range peers {
		wg.Go(func() {
			from := ap(peer4, uint16(1000+p))
			for q := range queries {
				bufs := withRoom(
					udpPacket(from, ap(host4, 80), "foreign"),
					udpPacket(from, ap(vip4, 53), string(binary.BigEndian.AppendUint16(nil, uint16(q)))),
				)
				if n, err := h.Write(bufs, headroom); n != 2 || err != nil {
					t.Errorf("Write = %d, %v", n, err)
				}
				for _, b := range bufs {
					clear(b)
				}
			}
		})
	}
	seen := map[string]bool{}
	for range peers * queries {
		select {
		case p := <-answers:
			_, seg := checkReply(t, p, vip4, peer4)
			seen[string(seg[2:4])+string(seg[8:])] = true
		case <-within(t).Done():
			t.Fatalf("%d different answers came", len(seen))
		}
	}
	wg.Wait()
	if len(seen) != peers*queries {
		t.Errorf("%d different answers, want %d", len(seen), peers*queries)
	}
	for range peers * queries {
		if p := h.receive(); string(p[28:]) != "foreign" {
			t.Fatalf("the host got %x", p)
		}
	}
}

// The host does not take its replies: the queue fills and drops, but Write and
// the service go on.
func TestNothingBlocksOnReplies(t *testing.T) {
	h := newHarness(t, Config{Peers: true})
	c := h.listenUDP(ap(vip4, 53))
	to := Sender{Addr: ap(peer4, 1), Local: vip4, From: FromPeers}
	for range replyQueueLen {
		if _, err := c.WriteDatagram([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.WriteDatagram([]byte("x"), to); err == nil {
		t.Error("no error although the queue is full")
	}
	for range 10 {
		h.Write(withRoom(ping(peer4, vip4, "x")), headroom)
	}
	if got := h.Stats().Peers.Dropped[ReplyQueueFull]; got != 11 {
		t.Errorf("%d replies dropped, want 11", got)
	}
}

func TestReplyErrorsAreCounted(t *testing.T) {
	dev := newScriptTUN(8)
	calls := make(chan struct{}, 1)
	dev.write = func([][]byte, int) (int, error) { calls <- struct{}{}; return 0, errors.New("device failed") }
	f := newFilter(t, dev, Config{Peers: true})
	c, err := f.ListenUDP(ap(vip4, 53))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteDatagram([]byte("x"), Sender{Addr: ap(host4, 1), Local: vip4}); err != nil {
		t.Fatal(err)
	}
	<-calls
	waitFor(t, "the drop to be counted", func() bool { return f.Stats().Host.Dropped[ReplyFailed] == 1 })

	// A reply that a reader's buffer cannot hold.
	if _, err := c.WriteDatagram(make([]byte, 100), Sender{Addr: ap(peer4, 1), Local: vip4, From: FromPeers}); err != nil {
		t.Fatal(err)
	}
	if n := f.outs[FromPeers].takeInto([][]byte{make([]byte, 100)}, make([]int, 1), headroom); n != 0 || f.Stats().Peers.Dropped[ReplyFailed] != 1 {
		t.Errorf("%d taken; %+v", n, f.Stats().Peers)
	}
}
