package e2e

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// unprivileged returns the command that runs the binary without any capability.
func unprivileged(args ...string) *exec.Cmd {
	return exec.Command("setpriv", append([]string{"--inh-caps=-all", "--bounding-set=-all", tundns}, args...)...)
}

// TestRefusals starts tundns where it cannot run. Each time it must end with
// exit code 1 and one line that says why, and leave nothing behind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, h *host) *exec.Cmd
		says    string // a pattern in the line
	}{
		{"without the capability", func(t *testing.T, h *host) *exec.Cmd {
			return unprivileged("up")
		}, `(?i)root`},
		{"as nobody", func(t *testing.T, h *host) *exec.Cmd {
			if inUserNamespace(t) {
				return unprivileged("up") // there is no nobody to be
			}
			cmd := exec.Command(tundns, "up")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			return cmd
		}, `(?i)root`},
		{"no /dev/net/tun", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command("unshare", "--mount", "sh", "-ec", `mount -t tmpfs none /dev/net; exec "$@"`, "sh", tundns, "up")
		}, `/dev/net/tun`},
		{"interface name taken", func(t *testing.T, h *host) *exec.Cmd {
			h.ip("tuntap add tundns0 mode tun")
			return exec.Command(tundns, "up")
		}, `tundns0`},
		{"second instance", func(t *testing.T, h *host) *exec.Cmd {
			h.up("")
			return exec.Command(tundns, "up")
		}, `tundns0`},
		{"second instance by another name", func(t *testing.T, h *host) *exec.Cmd {
			h.up("")
			return exec.Command(tundns, "up", "--config", configuration(t, "[tun]\nname = \"tundns1\"\n", nil))
		}, `10\.30\.30\.`},
		{"virtual address taken", func(t *testing.T, h *host) *exec.Cmd {
			h.ip("address add 10.30.30.30/32 dev lo")
			return exec.Command(tundns, "up")
		}, `10\.30\.30\.30.* lo\b`},
		{"virtual IPv6 address taken", func(t *testing.T, h *host) *exec.Cmd {
			h.ip("address add fd30:30:30::30/128 dev lo nodad")
			return exec.Command(tundns, "up")
		}, `fd30:30:30::30.* lo\b`},
		{"own address taken", func(t *testing.T, h *host) *exec.Cmd {
			h.ip("address add 10.30.30.1/32 dev lo")
			return exec.Command(tundns, "up")
		}, `10\.30\.30\.1\b.* lo\b`},
		{"virtual address routed elsewhere", func(t *testing.T, h *host) *exec.Cmd {
			h.ip("link add taken type veth peer name other")
			h.ip("link set taken up")
			h.ip("route add 10.30.30.30/32 dev taken")
			return exec.Command(tundns, "up")
		}, `10\.30\.30\.30.*taken`},
		{"no such configuration", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--config", filepath.Join(t.TempDir(), "tundns.toml"))
		}, `tundns\.toml.*no such file`},
		{"configuration is a folder", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--config", t.TempDir())
		}, `directory`},
		{"no such list", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--config", configuration(t, "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n", nil))
		}, `ads\.txt.*no such file`},
		{"no such authority", func(t *testing.T, h *host) *exec.Cmd {
			config := upstream(doh(netip.MustParseAddr("192.0.2.1"))) + "ca_file = \"gone.pem\"\n"
			return exec.Command(tundns, "up", "--config", configuration(t, config, nil))
		}, `gone\.pem`},
		{"metrics port in use", func(t *testing.T, h *host) *exec.Cmd {
			h.listen(netip.MustParseAddrPort("127.0.0.1:9153"))
			return exec.Command(tundns, "up", "--config", configuration(t, "[metrics]\nlisten = \"127.0.0.1:9153\"\n", nil))
		}, `127\.0\.0\.1:9153.*in use`},
		{"a misspelt key", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--config", configuration(t, "[tun]\nmut = 1420\n", nil))
		}, `tundns\.toml:2:1: .*mut.*mtu`},
		{"a mode to come", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--config", configuration(t, "mode = \"gateway\"\n", nil))
		}, `tundns\.toml:1:\d+: .*gateway.*not supported`},
		{"no such WireGuard file", func(t *testing.T, h *host) *exec.Cmd {
			return exec.Command(tundns, "up", "--wg", filepath.Join(t.TempDir(), "wg0.conf"))
		}, `wg0\.conf.*no such file`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			cmd := test.prepare(t, h)
			before := h.state()
			p := h.startCommand(cmd)
			if code := p.wait(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			line := p.stderr.String()
			if strings.Count(line, "\n") != 1 || !regexp.MustCompile(test.says).MatchString(line) {
				t.Errorf("stderr is not one line that matches %q:\n%s", test.says, line)
			}
			if after := h.state(); after != before {
				t.Errorf("left behind.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// inUserNamespace is whether the tests run as an ordinary user, root only in a
// user namespace that knows no other user.
func inUserNamespace(t *testing.T) bool {
	t.Helper()
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(ids))[2] == "1"
}

// TestCheck validates files without starting anything.
func TestCheck(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	good := configuration(t, upstream(udp(netip.MustParseAddr("192.0.2.1")))+listConfiguration, lists)
	h.run(tundns, "check", "--config", good)
	h.run(tundns, "check")

	for _, test := range []struct{ text, says string }{
		{"[tun]\nmtu = \"big\"\n", `tundns\.toml:2:\d+: `},
		{"[tun\n", `tundns\.toml:1:\d+: `},
		{"[[upstream]]\nname = \"default\"\nservers = [\"ftp://192.0.2.1\"]\n", `tundns\.toml:3:\d+: .*ftp`},
		{"[[upstream]]\nname = \"default\"\nservers = [\"https://dns.example/dns-query\"]\n", `tundns\.toml:3:\d+: .*addresses`},
		{"[[list]]\nname = \"ads\"\npath = \"gone.txt\"\n", `gone\.txt`},
	} {
		cmd := exec.Command(tundns, "check", "--config", configuration(t, test.text, nil))
		p := h.startCommand(cmd)
		if code := p.wait(); code != 1 {
			t.Errorf("%q: exit code %d, want 1", test.text, code)
		}
		if printed := p.stdout.String() + p.stderr.String(); !regexp.MustCompile(test.says).MatchString(printed) {
			t.Errorf("%q: want a message that matches %q:\n%s", test.text, test.says, printed)
		}
	}
}
