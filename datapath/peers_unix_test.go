//go:build unix

package datapath

import (
	"context"
	"os"
	"syscall"
	"testing"

	"golang.zx2c4.com/wireguard/tun"
)

// fileTUN is a device whose file has deadlines, as a Linux TUN's: one end of a
// pair of datagram sockets.
type fileTUN struct {
	scriptTUN
	file *os.File
}

func (t *fileTUN) File() *os.File           { return t.file }
func (t *fileTUN) Events() <-chan tun.Event { return nil }
func (t *fileTUN) Close() error             { return t.file.Close() }
func (t *fileTUN) Write(b [][]byte, o int) (int, error) {
	for _, p := range b {
		if _, err := t.file.Write(p[o:]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
func (t *fileTUN) Read(bufs [][]byte, sizes []int, offset int) (n int, err error) {
	sizes[0], err = t.file.Read(bufs[0][offset:])
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func init() {
	devices["deadline"] = func(t testing.TB) testDevice {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		var ends [2]*os.File
		for i, fd := range fds {
			if err := syscall.SetNonblock(fd, true); err != nil {
				t.Fatal(err)
			}
			ends[i] = os.NewFile(uintptr(fd), "socket")
		}
		t.Cleanup(func() { ends[1].Close() })
		return testDevice{
			&fileTUN{scriptTUN: scriptTUN{batch: 8}, file: ends[0]},
			func(p []byte) error { _, err := ends[1].Write(p); return err },
			func(ctx context.Context) ([]byte, error) {
				if t, ok := ctx.Deadline(); ok {
					ends[1].SetReadDeadline(t)
				}
				b := make([]byte, 65535)
				n, err := ends[1].Read(b)
				return b[:n], err
			},
		}
	}
}
