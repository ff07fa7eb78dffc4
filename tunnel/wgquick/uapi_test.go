package wgquick

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.zx2c4.com/wireguard/conn/bindtest"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/tuntest"
)

// resolve knows the one name of the full file.
func resolve(e Endpoint) (netip.AddrPort, error) {
	if e.Host == "vpn.example.com" {
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), e.Port), nil
	}
	return literal(e)
}

func TestUAPI(t *testing.T) {
	c := wantFull(t)
	want := "private_key=" + key(t, secret).Hex() + `
listen_port=51820
replace_peers=true
public_key=` + key(t, public).Hex() + `
preshared_key=` + key(t, psk).Hex() + `
endpoint=192.0.2.7:51820
persistent_keepalive_interval=25
replace_allowed_ips=true
allowed_ip=10.192.122.3/32
allowed_ip=10.192.124.0/24
allowed_ip=fd00:1::/64
public_key=` + key(t, public2).Hex() + `
endpoint=[2607:5300:60:6b0::c05f:543]:2468
replace_allowed_ips=true
`
	got, err := c.UAPI(resolve)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestUAPIEndpoint(t *testing.T) {
	c := wantFull(t)
	_, err := c.UAPI(nil)
	const want = `wg0.conf:12: endpoint vpn.example.com:51820 of this peer: "vpn.example.com" is a name and there is no way given to resolve it`
	if err == nil || err.Error() != want {
		t.Errorf("without a resolver: got %v, want %s", err, want)
	}

	failure := errors.New("no such name")
	if _, err = c.UAPI(func(Endpoint) (netip.AddrPort, error) { return netip.AddrPort{}, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want one that wraps %v", err, failure)
	}

	text, err := c.UAPI(func(Endpoint) (netip.AddrPort, error) { return netip.AddrPort{}, nil })
	if err != nil || strings.Contains(text, "endpoint=") {
		t.Errorf("endpoints left open: %v, got\n%s", err, text)
	}

	c.Peers = c.Peers[1:]
	if text, err = c.UAPI(nil); err != nil || !strings.Contains(text, "endpoint=[2607:5300:60:6b0::c05f:543]:2468\n") {
		t.Errorf("an address needs no resolver: %v, got\n%s", err, text)
	}
}

// A WireGuard device takes the text and has all of it afterwards.
func TestUAPIDevice(t *testing.T) {
	bind := bindtest.NewChannelBinds()[0]
	dev := device.NewDevice(tuntest.NewChannelTUN().TUN(), bind, device.NewLogger(device.LogLevelSilent, ""))
	defer dev.Close()

	text, err := wantFull(t).UAPI(func(e Endpoint) (netip.AddrPort, error) {
		// The test's bind has no port but 1 and 2.
		return netip.MustParseAddrPort("127.0.0.1:1"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := dev.IpcSet(text); err != nil {
		t.Fatal(err)
	}
	state, err := dev.IpcGet()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		switch name, _, _ := strings.Cut(line, "="); name {
		case "replace_peers", "replace_allowed_ips", "endpoint", "listen_port": // the last two are the bind's here
		default:
			if !strings.Contains(state, line) {
				t.Errorf("the device does not have %s", name)
			}
		}
	}
}
