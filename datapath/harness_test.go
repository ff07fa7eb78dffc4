package datapath

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.zx2c4.com/wireguard/tun"

	"tundns/datapath/memtun"
)

// patience is how long a test waits for what must come. It is never waited out
// when all is well.
const patience = 10 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// harness is a filter around a TUN in memory, serving vip4 and vip6.
type harness struct {
	*Filter
	t    testing.TB
	host *memtun.TUN
}

// newHarness starts a filter whose host side is read by Run, or for a filter
// with peers by nobody. At the end it closes the filter and checks that no
// goroutine is left.
func newHarness(t testing.TB, cfg Config) *harness {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	host := memtun.New(memtun.Options{})
	if cfg.Addresses == nil {
		cfg.Addresses = []netip.Addr{vip4, vip6}
	}
	f, err := New(host, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	if cfg.Peers {
		ran <- nil
	} else {
		go func() { ran <- f.Run(context.Background()) }()
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		goleak.VerifyNone(t, leaks)
	})
	return &harness{f, t, host}
}

func (h *harness) send(packets ...[]byte) {
	h.t.Helper()
	if err := h.host.Send(packets...); err != nil {
		h.t.Fatal(err)
	}
}

// receive returns the next packet that the host gets.
func (h *harness) receive() []byte {
	h.t.Helper()
	p, err := h.host.Receive(within(h.t))
	if err != nil {
		h.t.Fatalf("no packet for the host: %v; %+v", err, h.Stats())
	}
	return p
}

// ask sends packets and returns the one answer.
func (h *harness) ask(packets ...[]byte) []byte {
	h.t.Helper()
	h.send(packets...)
	return h.receive()
}

// silent checks that packets are answered by nothing. A ping behind them is
// answered first: packets are processed in order.
func (h *harness) silent(packets ...[]byte) {
	h.t.Helper()
	mark := ping(host4, vip4, "mark")
	if got := h.ask(append(packets, mark)...); len(got) != len(mark) || got[20] != 0 || string(got[28:]) != "mark" {
		h.t.Errorf("unexpected answer %x", got)
	}
}

func (h *harness) listenUDP(a netip.AddrPort) *UDPConn {
	h.t.Helper()
	c, err := h.ListenUDP(a)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// echo answers each datagram with what says makes of it, on workers goroutines.
func echo(c *UDPConn, workers int, says func(b []byte, from Sender) []byte) {
	for range workers {
		go func() {
			b := make([]byte, 65535)
			for {
				n, from, err := c.ReadDatagram(b)
				if err != nil {
					return
				}
				c.WriteDatagram(says(b[:n], from), from)
			}
		}()
	}
}

func same(b []byte, _ Sender) []byte { return b }

// checkReply checks an answer's IP header, addresses and checksums by the
// oracle, and returns its protocol and transport segment.
func checkReply(t testing.TB, p []byte, src, dst netip.Addr) (proto int, seg []byte) {
	t.Helper()
	gotSrc, gotDst, ok := addresses(p)
	if !ok || gotSrc != src || gotDst != dst {
		t.Fatalf("answer from %v to %v, want %v to %v: %x", gotSrc, gotDst, src, dst, p)
	}
	if v := verdictOf([]netip.Addr{dst}, p); v != "serve" {
		t.Fatalf("the answer is %s: %x", v, p)
	}
	if src.Is4() {
		return int(p[9]), p[int(p[0]&15)*4:]
	}
	return int(p[6]), p[40:]
}

// scriptTUN is a device whose reads are given by a function, for tests that
// count allocations or look at buffers. Writes go to another.
type scriptTUN struct {
	batch int
	read  func(bufs [][]byte, sizes []int, offset int) (int, error)
	write func(bufs [][]byte, offset int) (int, error)
	done  chan struct{}
}

func newScriptTUN(batch int) *scriptTUN {
	t := &scriptTUN{batch: batch, done: make(chan struct{})}
	t.read = func([][]byte, []int, int) (int, error) { <-t.done; return 0, os.ErrClosed }
	t.write = func(bufs [][]byte, _ int) (int, error) { return len(bufs), nil }
	return t
}

func (t *scriptTUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return t.read(bufs, sizes, offset)
}
func (t *scriptTUN) Write(bufs [][]byte, offset int) (int, error) { return t.write(bufs, offset) }
func (t *scriptTUN) File() *os.File                               { return nil }
func (t *scriptTUN) MTU() (int, error)                            { return 1420, nil }
func (t *scriptTUN) Name() (string, error)                        { return "script0", nil }
func (t *scriptTUN) Events() <-chan tun.Event                     { return nil }
func (t *scriptTUN) BatchSize() int                               { return t.batch }
func (t *scriptTUN) Close() error                                 { close(t.done); return nil }

// replay makes reads return the packets, over and over.
func (t *scriptTUN) replay(packets [][]byte) {
	t.read = func(bufs [][]byte, sizes []int, offset int) (int, error) {
		for i, p := range packets {
			sizes[i] = copy(bufs[i][offset:], p)
		}
		return len(packets), nil
	}
}

func newFilter(t testing.TB, dev tun.Device, cfg Config) *Filter {
	t.Helper()
	if cfg.Addresses == nil {
		cfg.Addresses = []netip.Addr{vip4, vip6}
	}
	f, err := New(dev, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
