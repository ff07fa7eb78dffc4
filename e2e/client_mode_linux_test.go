package e2e

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// key is a WireGuard key of 32 bytes.
type key []byte

func (k key) String() string { return base64.StdEncoding.EncodeToString(k) }

// keyPair returns a fresh private key and its public key.
func keyPair(t testing.TB) (private, public key) {
	t.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k.Bytes(), k.PublicKey().Bytes()
}

// tunnelPeer is a host with Debian's wireguard-go, an implementation apart from
// the one under test, at the other end of a tunnel.
type tunnelPeer struct {
	*host
	private, public, shared key
	name                    string // its interface
}

// startPeer starts the peer of the host with the given public key. Names of
// interfaces are names of control sockets as well, which all hosts share.
func startPeer(h *host, name string, client key) *tunnelPeer {
	h.t.Helper()
	p := &tunnelPeer{host: h, name: name, shared: make(key, 32)}
	p.private, p.public = keyPair(h.t)
	rand.Read(p.shared)
	wireguard := h.start("wireguard-go", "--foreground", name)
	eventually(h.t, "an interface of wireguard-go", func() bool {
		select {
		case <-wireguard.exited:
			h.t.Fatal("wireguard-go has ended")
		default:
		}
		_, err := h.try("wg", "show", name)
		return err == nil
	})
	h.run("wg", "setconf", name, writeFile(h.t, name+".conf", fmt.Sprintf(`[Interface]
PrivateKey = %v
ListenPort = 51820
[Peer]
PublicKey = %v
PresharedKey = %v
AllowedIPs = 198.51.100.2/32, 2001:db8:77::2/128, 10.30.30.1/32, fd30:30:30::1/128
`, p.private, client, p.shared)))
	h.ip("address add 198.51.100.1/24 dev " + name)
	h.ip("address add 2001:db8:77::1/64 nodad dev " + name)
	h.ip("link set mtu 1420 up dev " + name)
	return p
}

// TestClientMode runs tundns as the WireGuard client of an independent peer:
// traffic crosses the tunnel, and no query for the virtual addresses does.
func TestClientMode(t *testing.T) {
	t.Parallel()
	h, far, server := newHost(t), newHost(t), newHost(t)
	toPeer, toServer := h.cable(far, 1), h.cable(server, 2)
	startNSD(server, toServer.far4)
	private, public := keyPair(t)
	peer := startPeer(far, "e2epeer0", public)
	file := writeFile(t, "e2ewg0.conf", fmt.Sprintf(`# an ordinary wg-quick file
[Interface]
PrivateKey = %v
Address = 198.51.100.2/24, 2001:db8:77::2/64
MTU = 1420

[Peer]
PublicKey = %v
PresharedKey = %v
Endpoint = %v:51820
AllowedIPs = 198.51.100.0/24, 2001:db8:77::/64
PersistentKeepalive = 25
`, private, peer.public, peer.shared, toPeer.far4))
	a := h.up(configuration(t, upstream(udp(toServer.far4)), nil), "--wg", file)

	capture := far.startCapture(peer.name)
	for _, addr := range []string{"198.51.100.1", "2001:db8:77::1"} {
		h.run("ping", "-c", "3", "-i", "0.2", "-W", "5", addr)
	}
	far.run("ping", "-c", "1", "-W", "5", "198.51.100.2") // and the other way

	iperf := far.start("iperf3", "--server", "--one-off", "--forceflush")
	iperf.await(&iperf.stdout, "Server listening")
	transfer := h.start("iperf3", "--client", "198.51.100.1", "--time", "3", "--json")
	asked := 0
	for running := true; running; {
		select {
		case <-transfer.exited:
			running = false
		default:
		}
		for _, args := range []string{"+notcp @" + virtual4, "+tcp @" + virtual4, "+notcp @" + virtual6} {
			name := fmt.Sprintf("n%d.wild.example", asked)
			if r := h.ask("NOERROR", append(strings.Fields(args), name)...); len(r.answer) != 1 {
				t.Errorf("during the transfer:\n%s", r.raw)
			}
			asked++
		}
	}
	t.Logf("iperf3 sent %.2f Gbit/s through the tunnel while %d queries were answered", received(t, transfer)/1e9, asked)

	show := h.run("wg", "show", "e2ewg0")
	for _, want := range []string{peer.public.String(), "latest handshake", "preshared key: (hidden)", "persistent keepalive: every 25 seconds"} {
		if !strings.Contains(show, want) {
			t.Errorf("wg show has no %q:\n%s", want, show)
		}
	}

	protocols := make(map[byte]int)
	for _, p := range capture.until(h, netip.MustParseAddr("198.51.100.1")) {
		protocols[p.protocol]++
		for _, end := range []netip.AddrPort{p.source, p.destination} {
			if addr := end.Addr().String(); end.Port() == 53 || addr == virtual4 || addr == virtual6 {
				t.Errorf("the peer has seen %v", p)
			}
		}
	}
	t.Logf("packets at the peer's end of the tunnel, by protocol: %v", protocols)
	for _, protocol := range []byte{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6, unix.IPPROTO_TCP} {
		if protocols[protocol] == 0 {
			t.Errorf("the capture at the peer shows no packet of protocol %d", protocol)
		}
	}

	a.stop()
	for _, secret := range []key{private, peer.shared} {
		for _, printed := range []string{a.stdout.String(), a.stderr.String()} {
			if strings.Contains(printed, secret.String()) || strings.Contains(strings.ToLower(printed), hex.EncodeToString(secret)) {
				t.Error("tundns prints a key")
			}
		}
	}
	if out, err := h.try("wg", "show", "e2ewg0"); err == nil {
		t.Errorf("the control socket is still there:\n%s", out)
	}
}

// received is the rate, in bit/s, at which a transfer by iperf3 has arrived.
func received(t *testing.T, iperf *process) float64 {
	t.Helper()
	var report struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	if err := json.Unmarshal([]byte(iperf.stdout.String()), &report); err != nil || report.End.Received.Rate <= 0 {
		t.Fatalf("iperf3: %v\n%s", err, iperf.stdout.String())
	}
	return report.End.Received.Rate
}

// TestPeerComesLater starts tundns before its peer: DNS is there at once, the
// tunnel when the peer is.
func TestPeerComesLater(t *testing.T) {
	t.Parallel()
	h, far, server := newHost(t), newHost(t), newHost(t)
	toPeer, toServer := h.cable(far, 1), h.cable(server, 2)
	startNSD(server, toServer.far4)
	private, public := keyPair(t)
	// The file needs the peer's public key, so the peer exists already; what it
	// sends does not arrive.
	peer := startPeer(far, "e2epeer1", public)
	silence := fmt.Sprintf("blackhole %v/32", toPeer.near4)
	far.ip("route add " + silence)
	h.up(configuration(t, upstream(udp(toServer.far4)), nil), "--wg", writeFile(t, "e2ewg1.conf", fmt.Sprintf(
		"[Interface]\nPrivateKey = %v\nAddress = 198.51.100.2/24\n[Peer]\nPublicKey = %v\nPresharedKey = %v\nEndpoint = %v:51820\nAllowedIPs = 198.51.100.0/24\n",
		private, peer.public, peer.shared, toPeer.far4)))
	for _, at := range []string{"@" + virtual4, "@" + virtual6} {
		h.ask("NOERROR", at, "www.example")
	}
	far.ip("route delete " + silence)
	eventually(t, "a ping through the tunnel", func() bool {
		_, err := h.try("ping", "-c", "1", "-W", "1", "198.51.100.1")
		return err == nil
	})
}

// TestClientModeRefusals gives tundns WireGuard files with what it does not do
// or understand. It must say so, by line, and print no key.
func TestClientModeRefusals(t *testing.T) {
	t.Parallel()
	private, _ := keyPair(t)
	_, public := keyPair(t)
	for _, test := range []struct{ name, extra, peer, says string }{
		{"table", "Table = off", "", `e2ebad\.conf:4: .*Table.*not supported`},
		{"firewall mark", "FwMark = 0x1234", "", `e2ebad\.conf:4: .*FwMark.*not supported`},
		{"hook", "PostUp = iptables -A FORWARD -j ACCEPT", "", `e2ebad\.conf:4: .*PostUp.*not supported`},
		{"saving", "SaveConfig = true", "", `e2ebad\.conf:4: .*SaveConfig.*not supported`},
		{"system DNS", "DNS = 192.0.2.53", "", `e2ebad\.conf:4: .*DNS`},
		{"misspelt key", "ListenProt = 51820", "", `e2ebad\.conf:4: .*ListenProt.*ListenPort`},
		{"full tunnel", "", "AllowedIPs = 0.0.0.0/0", `e2ebad\.conf:7: .*0\.0\.0\.0/0.*not supported`},
		{"no key", "", "PresharedKey = " + private.String()[:30], `e2ebad\.conf:7: .*PresharedKey`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			before := h.state()
			p := h.startCommand(exec.Command(tundns, "up", "--wg", writeFile(t, "e2ebad.conf", fmt.Sprintf(
				"[Interface]\nPrivateKey = %v\nAddress = 198.51.100.2/24\n%s\n[Peer]\nPublicKey = %v\n%s\n", private, test.extra, public, test.peer))))
			if code := p.wait(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			printed := p.stderr.String()
			if strings.Count(printed, "\n") != 1 || !regexp.MustCompile(test.says).MatchString(printed) {
				t.Errorf("stderr is not one line that matches %q:\n%s", test.says, printed)
			}
			if strings.Contains(printed, private.String()[:20]) {
				t.Errorf("a key is printed:\n%s", printed)
			}
			if after := h.state(); after != before {
				t.Errorf("left behind.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}
