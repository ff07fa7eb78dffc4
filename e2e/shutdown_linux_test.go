package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestShutdown ends tundns by each signal while an upstream server keeps many
// queries waiting and clients hold TCP connections. It is not parallel, for the
// sake of its time.
func TestShutdown(t *testing.T) {
	limit := time.Second
	if race {
		limit *= 5 // the race detector makes everything several times slower
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			h, server := newHost(t), newHost(t)
			l := h.cable(server, 1)
			silent := newScripted(t, func(*dns.Msg) *dns.Msg { return nil })
			silent.serveUDP(server, l.far4)
			before := h.state()
			a := h.up(configuration(t, upstream(udp(l.far4)), nil))

			conn, err := h.dial(t.Context(), "tcp", net.JoinHostPort(virtual4, "53"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for i := range 100 {
				query := new(dns.Msg).SetQuestion(string(rune('a'+i%26))+".example.", dns.TypeA)
				go h.exchange("udp", query) // its answer is of no interest
			}
			eventually(t, "queries in flight", func() bool { return silent.count("z.example.") > 0 })

			asked := time.Now()
			a.signal(signal)
			if code := a.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if took := time.Since(asked); took > limit {
				t.Errorf("tundns took %v to end", took)
			} else {
				t.Logf("tundns took %v to end", took.Round(time.Millisecond))
			}
			if after := h.state(); after != before {
				t.Errorf("left behind.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestKilled kills tundns as nothing can prepare for, and starts it again.
func TestKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	before := h.state()
	h.up("").kill()
	again := h.up("")
	h.blocked("doubleclick.net", ":")
	again.stop()
	if after := h.state(); after != before {
		t.Errorf("left behind.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestReadiness starts tundns as a service manager does, with a socket to report
// to (sd_notify(3)).
func TestReadiness(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cmd := exec.Command(tundns, "up")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket.LocalAddr().String())
	h.upCommand(cmd)

	socket.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	n, err := socket.Read(buf)
	if err != nil || !strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
		t.Errorf("%q, %v; want READY=1", buf[:n], err)
	}
}
