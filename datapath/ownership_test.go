package datapath

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"golang.zx2c4.com/wireguard/tun"
)

// element stands for a queue element of wireguard-go, which owns the buffer
// that it lent to bufs[i] until it has sent the packet.
type element struct {
	buffer []byte
	packet []byte
}

// tunReader is wireguard-go's RoutineReadFromTUN reduced to how it treats its
// buffers: a packet of size > 0 takes its element away, to be staged while
// further reads happen, and another element takes the place. staged packets are
// looked at only in the end, as they are during a handshake.
func tunReader(dev tun.Device) (staged [][]byte, err error) {
	const offset = 16
	newElement := func() *element { return &element{buffer: make([]byte, 2048)} }
	size := dev.BatchSize()
	elems, bufs, sizes := make([]*element, size), make([][]byte, size), make([]int, size)
	for i := range elems {
		elems[i] = newElement()
		bufs[i] = elems[i].buffer
	}
	var taken []*element
	for {
		n, err := dev.Read(bufs, sizes, offset)
		for i := range n {
			if sizes[i] < 1 {
				continue
			}
			elem := elems[i]
			elem.packet = bufs[i][offset : offset+sizes[i]]
			taken = append(taken, elem)
			elems[i] = newElement()
			bufs[i] = elems[i].buffer
		}
		if err != nil {
			for _, e := range taken {
				// wireguard-go encrypts in the element's buffer.
				staged = append(staged, e.buffer[offset:offset+len(e.packet)])
			}
			if err == io.EOF {
				err = nil
			}
			return staged, err
		}
	}
}

// mixedTraffic returns a device that reads random batches of packets of several
// flows, ours among them, and what of it must reach the tunnel, in order.
func mixedTraffic(seed uint64) (dev *scriptTUN, want [][]byte) {
	r := rand.New(rand.NewPCG(seed, 7))
	var batches [][][]byte
	serial := uint32(0)
	for range 200 {
		var b [][]byte
		for range 1 + r.IntN(8) {
			serial++
			mark := string(binary.BigEndian.AppendUint32(nil, serial))
			var p []byte
			switch r.IntN(6) {
			case 0:
				p = udpPacket(ap(host4, 4000), ap(vip4, 53), mark)
			case 1:
				p = udpPacket(ap(host6, 4000), ap(vip6, 53), mark)
			case 2:
				p = udpPacket(ap(vip4, 4000), ap(far4, 53), mark)
			case 3:
				p = udpPacket(ap(host6, 4000), ap(far6, 443), mark)
				want = append(want, p)
			default:
				p = udpPacket(ap(host4, uint16(r.IntN(5))), ap(far4, 443), mark)
				want = append(want, p)
			}
			b = append(b, p)
		}
		batches = append(batches, b)
	}
	dev = newScriptTUN(8)
	dev.read = func(bufs [][]byte, sizes []int, offset int) (int, error) {
		if len(batches) == 0 {
			return 0, io.EOF
		}
		b := batches[0]
		batches = batches[1:]
		for i, p := range b {
			sizes[i] = copy(bufs[i][offset:], p)
		}
		return len(b), nil
	}
	return dev, want
}

// compare reports the first difference between what was staged and what should
// have been.
func compare(staged, want [][]byte) error {
	if len(staged) != len(want) {
		return fmt.Errorf("%d packets reached the tunnel, want %d", len(staged), len(want))
	}
	for i := range want {
		if string(staged[i]) != string(want[i]) {
			return fmt.Errorf("packet %d is %x, want %x", i, staged[i], want[i])
		}
	}
	return nil
}

func TestReadKeepsBuffersInPlace(t *testing.T) {
	for seed := range uint64(20) {
		dev, want := mixedTraffic(seed)
		staged, err := tunReader(newFilter(t, dev, Config{}))
		if err != nil {
			t.Fatal(err)
		}
		if err := compare(staged, want); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// permuter takes packets out by moving the rest up, in the caller's slice: the
// fault that the test above is there to find.
type permuter struct{ *Filter }

func (p permuter) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, err := p.Filter.Read(bufs, sizes, offset)
	kept := 0
	for i := range n {
		if sizes[i] > 0 {
			bufs[kept], sizes[kept] = bufs[i], sizes[i]
			kept++
		}
	}
	return kept, err
}

func TestOwnershipModelFindsPermutation(t *testing.T) {
	dev, want := mixedTraffic(1)
	staged, err := tunReader(permuter{newFilter(t, dev, Config{})})
	if err != nil {
		t.Fatal(err)
	}
	if compare(staged, want) == nil {
		t.Fatal("the model does not notice permuted buffers")
	}
}

func TestReadReturnsPacketsWithAnError(t *testing.T) {
	dev := newScriptTUN(4)
	dev.read = func(bufs [][]byte, sizes []int, offset int) (int, error) {
		sizes[0] = copy(bufs[0][offset:], udpPacket(ap(host4, 1), ap(vip4, 9), "ours"))
		sizes[1] = copy(bufs[1][offset:], udpPacket(ap(host4, 1), ap(far4, 9), "not ours"))
		return 2, tun.ErrTooManySegments
	}
	for _, peers := range []bool{false, true} {
		f := newFilter(t, &scriptTUN{batch: 4, read: dev.read, write: dev.write, done: make(chan struct{})}, Config{Peers: peers})
		bufs, sizes := newBuffers(4), make([]int, 4)
		n, err := f.Read(bufs, sizes, headroom)
		if n != 2 || err != tun.ErrTooManySegments || sizes[0] != 0 || sizes[1] == 0 {
			t.Errorf("peers %v: Read = %d, %v with sizes %v", peers, n, err, sizes)
		}
		f.Close()
	}
}

// foreignBatch is a mixed batch without a packet of ours.
func foreignBatch(n int) (batch [][]byte) {
	all := [][]byte{
		udpPacket(ap(host4, 1), ap(far4, 443), "payload"),
		udpPacket(ap(host6, 1), ap(far6, 443), "payload"),
		tcpPacket(ap(host4, 1), ap(far4, 443), flagACK, 1, 1),
		ping(host6, far6, "x"),
		{0x45, 0},
		ip(host4, far4, 132, []byte("sctp")),
	}
	for i := range n {
		batch = append(batch, all[i%len(all)])
	}
	return batch
}

func TestForeignPacketsAllocateNothing(t *testing.T) {
	packets := foreignBatch(64)
	// With peers and without a file there is a pump, which copies but must not
	// allocate either.
	for _, cfg := range []Config{{}, {Peers: true}} {
		dev := newScriptTUN(128)
		dev.replay(packets)
		f := newFilter(t, dev, cfg)
		if _, err := f.AddRule(Rule{
			Direction: FromPeers,
			Dst:       prefixes("198.51.100.0/24")[0],
			Handler:   func([]byte) Verdict { return Drop },
		}); err != nil {
			t.Fatal(err)
		}
		bufs, sizes := newBuffers(128), make([]int, 128)
		if got := testing.AllocsPerRun(100, func() {
			if n, err := f.Read(bufs, sizes, headroom); n != len(packets) || err != nil {
				t.Fatal(n, err)
			}
		}); got != 0 {
			t.Errorf("%+v: Read allocates %v times a batch", cfg, got)
		}
		for i := range packets {
			if sizes[i] != len(packets[i]) {
				t.Errorf("%+v: packet %d has size %d, want %d", cfg, i, sizes[i], len(packets[i]))
			}
			bufs[i] = bufs[i][:headroom+sizes[i]]
		}
		if got := testing.AllocsPerRun(100, func() {
			if n, err := f.Write(bufs[:len(packets)], headroom); n != len(packets) || err != nil {
				t.Fatal(n, err)
			}
		}); got != 0 {
			t.Errorf("%+v: Write allocates %v times a batch", cfg, got)
		}
	}
}

// BenchmarkRead and BenchmarkWrite carry batches of 64 foreign packets, bare
// and through a filter.
func BenchmarkRead(b *testing.B) {
	packets := foreignBatch(64)
	bare := newScriptTUN(128)
	bare.replay(packets)
	for name, dev := range map[string]tun.Device{"bare": bare, "filter": newFilter(b, bare, Config{})} {
		b.Run(name, func(b *testing.B) {
			bufs, sizes := newBuffers(128), make([]int, 128)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := dev.Read(bufs, sizes, headroom); n != 64 || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/packet")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	bare := newScriptTUN(128)
	bufs := newBuffers(64)
	for i, p := range foreignBatch(64) {
		bufs[i] = append(bufs[i][:headroom], p...)
	}
	for name, dev := range map[string]tun.Device{"bare": bare, "filter": newFilter(b, bare, Config{})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := dev.Write(bufs, headroom); n != 64 || err != nil {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/packet")
		})
	}
}
