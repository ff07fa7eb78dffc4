package datapath

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// needTUN ends the test where the machine has no TUN devices, which an
// automatic run must have.
func needTUN(t *testing.T) {
	t.Helper()
	_, err := os.Stat("/dev/net/tun")
	if os.Geteuid() != 0 {
		err = errors.New("must be root")
	}
	if _, lookErr := exec.LookPath("ip"); err == nil {
		err = lookErr
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("a real TUN is needed: %v", err)
	default:
		t.Skipf("a real TUN is needed: %v", err)
	}
}

// inNamespace runs f on a thread in a network namespace of its own, which ends
// with the thread.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done) // also when f fails the test, which ends this goroutine
		// Not unlocked: the runtime ends the thread with the goroutine.
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			f()
		}
	}()
	<-done
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("a network namespace is needed: %v", err)
	default:
		t.Skipf("a network namespace is needed: %v", err)
	}
}

// realTUN is a kernel TUN with its host: sockets opened in its namespace.
type realTUN struct {
	dev  tun.Device
	udp  *net.UDPConn                                              // bound to host4
	dial func(network string, to netip.AddrPort) (net.Conn, error) // in the namespace
}

// withTUN runs test on a thread in a namespace with a TUN named tdp0, whose
// addresses are host4 and host6 and to which the virtual addresses are routed.
func withTUN(t *testing.T, test func(r realTUN)) {
	needTUN(t)
	inNamespace(t, func() {
		dev, err := tun.CreateTUN("tdp0", 1420)
		if err != nil {
			t.Errorf("creating the TUN: %v", err)
			return
		}
		defer dev.Close()
		for _, args := range [][]string{
			{"link", "set", "tdp0", "up"},
			{"addr", "add", host4.String() + "/32", "dev", "tdp0"},
			{"addr", "add", host6.String() + "/128", "dev", "tdp0", "nodad"},
			{"route", "add", vip4.String() + "/32", "dev", "tdp0"},
			{"route", "add", vip6.String() + "/128", "dev", "tdp0"},
			{"route", "add", peer4.String() + "/32", "dev", "tdp0"},
		} {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				t.Errorf("ip %v: %v: %s", args, err, out)
				return
			}
		}
		udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(ap(host4, 4000)))
		if err != nil {
			t.Error(err)
			return
		}
		defer udp.Close()
		udp.SetDeadline(time.Now().Add(patience))
		test(realTUN{dev, udp, func(network string, to netip.AddrPort) (net.Conn, error) {
			c, err := net.DialTimeout(network, to.String(), patience)
			if err == nil {
				c.SetDeadline(time.Now().Add(patience))
			}
			return c, err
		}})
	})
}

func TestRealTUNServesTheHost(t *testing.T) {
	withTUN(t, func(r realTUN) {
		f := newFilter(t, r.dev, Config{})
		ran := make(chan error, 1)
		go func() { ran <- f.Run(context.Background()) }()
		for _, a := range []netip.Addr{vip4, vip6} {
			c, err := f.ListenUDP(ap(a, 7))
			if err != nil {
				t.Error(err)
				return
			}
			echo(c, 2, func(b []byte, _ Sender) []byte { return b[:min(len(b), 1000)] })
			l, err := f.ListenTCP(ap(a, 7))
			if err != nil {
				t.Error(err)
				return
			}
			serveTCP(l, tcpEcho)
			// The kernel accepts packets to a new IPv6 address of its own only
			// after work in the background, even without DAD.
			waitFor(t, "the kernel's addresses", func() bool {
				c, err := r.dial("udp", ap(a, 7))
				if err != nil {
					return false
				}
				defer c.Close()
				c.Write([]byte("ready?"))
				c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				n, _ := c.Read(make([]byte, 9))
				return n == 6
			})
			for _, network := range []string{"udp", "tcp"} {
				// 3,000 bytes are fragments as a UDP query, and segments on TCP.
				for _, size := range []int{5, 1000, 3000} {
					c, err := r.dial(network, ap(a, 7))
					if err != nil {
						t.Errorf("%s: %v", network, err)
						continue
					}
					c.Write(make([]byte, size))
					want := size
					if network == "udp" {
						want = min(size, 1000)
					}
					got, b := 0, make([]byte, 4096)
					for got < want {
						n, err := c.Read(b)
						if err != nil {
							t.Errorf("%s, %d bytes: %v after %d; %+v", network, size, err, got, f.Stats())
							break
						}
						got += n
					}
					c.Close()
				}
			}
			// Unserved: refused at once, by RST and ICMP.
			if c, err := r.dial("tcp", ap(a, 9)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("unserved TCP: %v, %v", c, err)
			}
			u, err := r.dial("udp", ap(a, 9))
			if err != nil {
				t.Error(err)
				return
			}
			u.Write([]byte("anybody?"))
			if _, err := u.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("unserved UDP: %v", err)
			}
			u.Close()
		}
		if s := f.Stats(); s.Host.Dropped[BadChecksum] != 0 || s.Netstack.BadChecksum != 0 {
			t.Errorf("stats: %+v", s)
		}
		start := time.Now()
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		t.Logf("closed after %v", time.Since(start))
	})
}

// A Read that the kernel blocks is woken for a reply to a peer, and by Close.
func TestRealTUNWakesRead(t *testing.T) {
	withTUN(t, func(r realTUN) {
		f := newFilter(t, r.dev, Config{Peers: true})
		if _, ok := f.source.(*deadlineSource); !ok {
			t.Errorf("the source of a Linux TUN is a %T", f.source)
			return
		}
		c, err := f.ListenUDP(ap(vip4, 53))
		if err != nil {
			t.Error(err)
			return
		}
		echo(c, 1, same)
		w := newTunnel(t, f)
		for i := range 500 {
			f.Write(withRoom(udpPacket(ap(peer4, 999), ap(vip4, 53), fmt.Sprint(i))), headroom)
			if i%5 == 0 {
				// The host's own query, and a packet for the peer.
				r.udp.WriteToUDPAddrPort([]byte("host"), ap(vip4, 53))
				if n, _, err := r.udp.ReadFromUDPAddrPort(make([]byte, 9)); n != 4 || err != nil {
					t.Errorf("the host got %d bytes, %v", n, err)
					return
				}
				r.udp.WriteToUDPAddrPort([]byte("foreign"), ap(peer4, 53))
			}
			replied, passed := false, i%5 != 0
			for !replied || !passed {
				select {
				case p := <-w.packets:
					switch string(p[28:]) {
					case fmt.Sprint(i):
						replied = true
					case "foreign":
						passed = true
					}
				case <-within(t).Done():
					t.Errorf("exchange %d: replied %v, passed %v; %+v", i, replied, passed, f.Stats())
					return
				}
			}
		}
		f.Close()
		select {
		case err := <-w.err:
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("Read ended with %v", err)
			}
		case <-within(t).Done():
			t.Error("Read still waits after Close")
		}
	})
}
