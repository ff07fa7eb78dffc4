//go:build !windows

package tunnel

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tundns/tunnel/wgquick"
)

// needSocketDir skips the test where WireGuard's sockets cannot be made, but not in CI.
func needSocketDir(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	const reason = "needs root to write to " + socketDir
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// dialUAPI connects to the socket of the interface.
func dialUAPI(t *testing.T, name string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(socketDir, name+".sock"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// request sends one UAPI request and returns the reply's lines.
func request(t *testing.T, conn net.Conn, text string) []string {
	t.Helper()
	_, err := conn.Write([]byte(text))
	must(t, err)
	var lines []string
	for s := bufio.NewScanner(conn); s.Scan() && s.Text() != ""; {
		lines = append(lines, s.Text())
	}
	return lines
}

func TestWgShow(t *testing.T) {
	needSocketDir(t)
	checkLeaks(t)
	a, b := newSides()
	conf := a.config(b, wgquick.Endpoint{Host: "127.0.0.1", Port: 51821})
	name := interfaceName(t)
	c, err := NewClient(a.dev.TUN(), name, conf, nil, t.Logf)
	must(t, err)
	t.Cleanup(func() { c.Close() })

	got := strings.Join(request(t, dialUAPI(t, name), "get=1\n\n"), "\n")
	for _, want := range []string{"public_key=" + b.key.Public().Hex(), "endpoint=127.0.0.1:51821", "allowed_ip=10.8.0.2/32", "errno=0"} {
		if !strings.Contains(got, want) {
			t.Errorf("reply lacks %q:\n%s", want, got)
		}
	}
	if got := request(t, dialUAPI(t, name), "set=1\nnonsense="+a.key.Base64()+"\n\n"); len(got) != 1 || got[0] == "errno=0" {
		t.Errorf("nonsense was answered %q, want an error", got)
	}
	if wg, err := exec.LookPath("wg"); err == nil {
		out, err := exec.CommandContext(t.Context(), wg, "show", name).CombinedOutput()
		for _, want := range []string{"interface: " + name, "public key: " + a.key.Public().Base64(), "peer: " + b.key.Public().Base64(), "endpoint: 127.0.0.1:51821", "allowed ips: 10.8.0.2/32"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("wg show: %v; lacks %q:\n%s", err, want, out)
			}
		}
	}

	// Somebody who begins a change and does not go on must not keep Close from its work.
	stalled := dialUAPI(t, name)
	request(t, stalled, "get=1\n\n")
	_, err = stalled.Write([]byte("set=1\n"))
	must(t, err)
	must(t, c.Close())
	if _, err := os.Stat(filepath.Join(socketDir, name+".sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}
