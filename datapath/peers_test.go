package datapath

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.zx2c4.com/wireguard/tun"

	"tundns/datapath/memtun"
)

// tunnel reads a filter as wireguard-go does and keeps what peers would get.
type tunnel struct {
	t       testing.TB
	packets chan []byte
	err     chan error
}

func newTunnel(t testing.TB, f *Filter) *tunnel {
	w := &tunnel{t, make(chan []byte, 65536), make(chan error, 1)}
	go func() {
		bufs, sizes := newBuffers(f.BatchSize()), make([]int, f.BatchSize())
		for {
			n, err := f.Read(bufs, sizes, headroom)
			for i := range n {
				if sizes[i] > 0 {
					w.packets <- slices.Clone(bufs[i][headroom : headroom+sizes[i]])
				}
			}
			if err != nil {
				w.err <- err
				return
			}
		}
	}()
	return w
}

func (w *tunnel) next() []byte {
	w.t.Helper()
	select {
	case p := <-w.packets:
		return p
	case <-within(w.t).Done():
		w.t.Fatal("no packet for the peers")
		return nil
	}
}

// testDevice is a TUN of a test with its host's side.
type testDevice struct {
	tun.Device
	send    func(packet []byte) error
	receive func(context.Context) ([]byte, error)
}

// devices are the kinds of device that differ in how a read is woken.
var devices = map[string]func(testing.TB) testDevice{
	"pump": func(testing.TB) testDevice {
		m := memtun.New(memtun.Options{})
		return testDevice{m, func(p []byte) error { return m.Send(p) }, m.Receive}
	},
}

func eachDevice(t *testing.T, test func(t *testing.T, dev testDevice, f *Filter, w *tunnel)) {
	for name, open := range devices {
		t.Run(name, func(t *testing.T) {
			dev := open(t)
			f := newFilter(t, dev, Config{Peers: true})
			_, pumped := f.source.(*pump)
			if want := name == "pump"; pumped != want {
				t.Fatalf("pumped: %v", pumped)
			}
			w := newTunnel(t, f)
			test(t, dev, f, w)
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			select {
			case <-w.err:
			case <-within(t).Done():
				t.Error("Read still waits after Close")
			}
		})
	}
}

func TestRepliesGoBackToTheirSide(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev testDevice, f *Filter, w *tunnel) {
		for _, a := range []netip.AddrPort{ap(vip4, 53), ap(netip.IPv6Unspecified(), 53)} {
			c, err := f.ListenUDP(a)
			if err != nil {
				t.Fatal(err)
			}
			echo(c, 1, func(b []byte, from Sender) []byte { return fmt.Append(b, " from ", from.From) })
		}
		host := func() []byte {
			p, err := dev.receive(within(t))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		fromHost := func(p []byte) []byte {
			if err := dev.send(p); err != nil {
				t.Fatal(err)
			}
			return host()
		}
		fromPeer := func(p []byte) []byte {
			if _, err := f.Write(withRoom(p), headroom); err != nil {
				t.Fatal(err)
			}
			return w.next()
		}
		for range 3 {
			// The same client address on both sides: the side alone decides.
			for _, c := range []netip.AddrPort{ap(far4, 999), ap(far6, 999)} {
				vip := vip4
				if c.Addr().Is6() {
					vip = vip6
				}
				_, seg := checkReply(t, fromHost(udpPacket(c, ap(vip, 53), "query")), vip, c.Addr())
				if got := string(seg[8:]); got != "query from host" {
					t.Errorf("host got %q", got)
				}
				_, seg = checkReply(t, fromPeer(udpPacket(c, ap(vip, 53), "query")), vip, c.Addr())
				if got := string(seg[8:]); got != "query from peers" {
					t.Errorf("peers got %q", got)
				}
				checkReply(t, fromHost(ping(c.Addr(), vip, "x")), vip, c.Addr())
				checkReply(t, fromPeer(ping(c.Addr(), vip, "x")), vip, c.Addr())
				checkReply(t, fromHost(tcpPacket(c, ap(vip, 9), flagSYN, 1, 0)), vip, c.Addr())
				checkReply(t, fromPeer(tcpPacket(c, ap(vip, 9), flagSYN, 1, 0)), vip, c.Addr())
				checkReply(t, fromPeer(udpPacket(c, ap(vip, 9), "x")), vip, c.Addr())
			}
			// Fragments find their side, too.
			p := udpPacket(ap(far4, 999), ap(vip4, 53), strings.Repeat("x", 1000))
			fs := fragments(p, 800, 7)
			f.Write(withRoom(fs[0]), headroom)
			checkReply(t, fromPeer(fs[1]), vip4, far4)
			// What is not ours passes both ways.
			foreign := udpPacket(ap(host4, 1), ap(peer4, 2), "to a peer")
			dev.send(foreign)
			if got := w.next(); string(got) != string(foreign) {
				t.Errorf("the tunnel got %x", got)
			}
			foreign = udpPacket(ap(peer4, 1), ap(host4, 2), "to the host")
			f.Write(withRoom(foreign), headroom)
			if got := host(); string(got) != string(foreign) {
				t.Errorf("the host got %x", got)
			}
		}
		c, err := f.ListenUDP(ap(vip6, 54))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteToUDPAddrPort(nil, ap(far6, 9)); err == nil {
			t.Error("a reply without a side was sent")
		}
	})
}

func TestTCPFromPeers(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev testDevice, f *Filter, w *tunnel) {
		l, err := f.ListenTCP(ap(vip4, 53))
		if err != nil {
			t.Fatal(err)
		}
		from, to := ap(peer4, 4000), ap(vip4, 53)
		f.Write(withRoom(tcpPacket(from, to, flagSYN, 100, 0)), headroom)
		_, seg := checkReply(t, w.next(), vip4, peer4)
		if seg[13] != flagSYN|flagACK {
			t.Fatalf("flags %x", seg[13])
		}
		f.Write(withRoom(tcpPacket(from, to, flagACK, 101, binary.BigEndian.Uint32(seg[4:])+1)), headroom)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("hello"))
		if _, seg := checkReply(t, w.next(), vip4, peer4); !strings.HasSuffix(string(seg), "hello") {
			t.Errorf("the peer got %x", seg)
		}
		c.Close()
	})
}

// Replies and the host's packets share Read. Under a flood of replies none of
// either is lost, and the host's packets come through before the flood ends.
func TestHostHasItsTurnAmongReplies(t *testing.T) {
	for name, open := range devices {
		t.Run(name, func(t *testing.T) {
			dev := open(t)
			f := newFilter(t, dev, Config{Peers: true})
			foreign := udpPacket(ap(host4, 1), ap(peer4, 2), "to a peer")
			if err := dev.send(foreign); err != nil {
				t.Fatal(err)
			}
			// One buffer a read, so that each read returns one packet; and
			// replies never run out.
			bufs, sizes := newBuffers(1), make([]int, 1)
			reply := func() {
				fr := newUDPFrame(ap(vip4, 53), ap(peer4, 999), []byte("reply"))
				f.outs[FromPeers].push(fr)
			}
			reply()
			for reads := 1; ; reads++ {
				reply()
				n, err := f.Read(bufs, sizes, headroom)
				if n != 1 || err != nil {
					t.Fatal(n, err)
				}
				if string(bufs[0][headroom:headroom+sizes[0]]) == string(foreign) {
					break
				}
				// The pump may not have read it yet at the first turn.
				if reads > 100*(maxReplyReads+1) {
					t.Fatal("the host's packet has no turn")
				}
			}
		})
	}
}

// Each reply wakes a Read that waits; none is forgotten however wakes and reads
// fall together.
func TestNoWakeIsLost(t *testing.T) {
	eachDevice(t, func(t *testing.T, dev testDevice, f *Filter, w *tunnel) {
		for i := range 2000 {
			f.outs[FromPeers].push(newUDPFrame(ap(vip4, 53), ap(peer4, 999), fmt.Append(nil, i)))
			if i%3 == 0 {
				dev.send(udpPacket(ap(host4, 1), ap(vip4, 9), "ours")) // Read returns nothing
			}
			if _, seg := checkReply(t, w.next(), vip4, peer4); string(seg[8:]) != fmt.Sprint(i) {
				t.Fatalf("reply %d is %q", i, seg[8:])
			}
		}
	})
}

func TestPumpHandsOutBatchesPiecemeal(t *testing.T) {
	m := memtun.New(memtun.Options{BatchSize: 8})
	f := newFilter(t, m, Config{Peers: true})
	var want [][]byte
	for i := range 20 {
		want = append(want, udpPacket(ap(host4, 1), ap(peer4, 2), fmt.Sprint(i)))
	}
	m.Send(want...)
	m.Send(want...)
	bufs, sizes := newBuffers(3), make([]int, 3)
	var got [][]byte
	for len(got) < 40 {
		n, err := f.Read(bufs, sizes, headroom)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			got = append(got, slices.Clone(bufs[i][headroom:headroom+sizes[i]]))
		}
	}
	if err := compare(got, append(slices.Clone(want), want...)); err != nil {
		t.Error(err)
	}
}

// BenchmarkPeerReply answers by a Read that waits for each reply.
func BenchmarkPeerReply(b *testing.B) {
	for name, open := range devices {
		b.Run(name, func(b *testing.B) {
			f := newFilter(b, open(b), Config{Peers: true})
			w := newTunnel(b, f)
			b.ReportAllocs()
			for b.Loop() {
				f.outs[FromPeers].push(newUDPFrame(ap(vip4, 53), ap(peer4, 999), []byte("reply")))
				<-w.packets
			}
			f.Close()
		})
	}
}
