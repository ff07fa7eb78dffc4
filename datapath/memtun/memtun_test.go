package memtun

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/tun"
)

func buffers(n, size int) (bufs [][]byte, sizes []int) {
	for range n {
		bufs = append(bufs, make([]byte, size))
	}
	return bufs, make([]int, n)
}

func TestBatches(t *testing.T) {
	d := New(Options{})
	defer d.Close()
	d.Send([]byte("a"), []byte("bb"), []byte("ccc"))
	d.Send([]byte("dddd"))
	bufs, sizes := buffers(2, 20)
	for _, want := range [][]string{{"a", "bb"}, {"ccc"}, {"dddd"}} {
		n, err := d.Read(bufs, sizes, 16)
		if err != nil || n != len(want) {
			t.Fatalf("Read = %d, %v, want %q", n, err, want)
		}
		for i, w := range want {
			if got := string(bufs[i][16 : 16+sizes[i]]); got != w {
				t.Errorf("packet %q, want %q", got, w)
			}
		}
	}
	d.Send([]byte("too long"), []byte("next"))
	if n, err := d.Read(bufs, sizes, 16); n != 0 || err == nil {
		t.Errorf("Read = %d, %v of a packet that does not fit", n, err)
	}
	if n, err := d.Read(bufs, sizes, 16); n != 1 || err != nil {
		t.Errorf("Read = %d, %v of the packet behind", n, err)
	}
}

func TestWrite(t *testing.T) {
	d := New(Options{})
	defer d.Close()
	p := append(make([]byte, 16), "packet"...)
	for name, try := range map[string]struct {
		bufs   [][]byte
		offset int
	}{"no room": {[][]byte{p}, 4}, "empty packet": {[][]byte{p, p[:16]}, 16}} {
		if _, err := d.Write(try.bufs, try.offset); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n, err := d.Write([][]byte{p, p}, 16); n != 2 || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	clear(p)
	for range 2 {
		if got, err := d.Receive(context.Background()); string(got) != "packet" || err != nil {
			t.Errorf("Receive = %q, %v", got, err)
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	if _, err := d.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Receive = %v", err)
	}
}

func TestOptionsAndEvents(t *testing.T) {
	d := New(Options{Name: "x", MTU: 1300, BatchSize: 3})
	name, _ := d.Name()
	mtu, _ := d.MTU()
	if name != "x" || mtu != 1300 || d.BatchSize() != 3 || d.File() != nil {
		t.Errorf("%q, %d, %d", name, mtu, d.BatchSize())
	}
	d.SetMTU(1400)
	if mtu, _ := d.MTU(); mtu != 1400 {
		t.Errorf("MTU %d", mtu)
	}
	d.Close()
	d.Emit(tun.EventDown) // closed: nobody hears it
	var got []tun.Event
	for e := range d.Events() {
		got = append(got, e)
	}
	if len(got) != 2 || got[0] != tun.EventUp || got[1] != tun.EventMTUUpdate {
		t.Errorf("events %v", got)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	d := New(Options{})
	bufs, sizes := buffers(1, 64)
	p := append(make([]byte, 16), 1)
	calls := []func() error{
		func() error { _, err := d.Receive(context.Background()); return err },
		func() (err error) { // waits once the queue is full
			for err == nil {
				err = d.Send()
			}
			return err
		},
	}
	errs := make(chan error, len(calls))
	for _, call := range calls {
		go func() { errs <- call() }()
	}
	d.Close()
	for range calls {
		if err := <-errs; !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	}
	for name, err := range map[string]error{
		"Read":  func() error { _, err := d.Read(bufs, sizes, 16); return err }(),
		"Write": func() error { _, err := d.Write([][]byte{p}, 16); return err }(),
		"Send":  d.Send(p),
		"Close": d.Close(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}
