package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/tun/tuntest"

	"tundns/tunnel/wgquick"
)

// side is one end of a tunnel between two Clients in this process.
type side struct {
	addr netip.Addr
	key  wgquick.Key
	dev  *tuntest.ChannelTUN
}

func newSides() (a, b side) {
	return side{netip.MustParseAddr("10.8.0.1"), wgquick.Key{8, 1}, tuntest.NewChannelTUN()},
		side{netip.MustParseAddr("10.8.0.2"), wgquick.Key{8, 2}, tuntest.NewChannelTUN()}
}

// config is s's configuration for a tunnel to other, which is at endpoint.
func (s side) config(other side, endpoint wgquick.Endpoint) *wgquick.Config {
	return &wgquick.Config{
		File:       "wg0.conf",
		PrivateKey: s.key,
		Addresses:  []netip.Prefix{netip.PrefixFrom(s.addr, 32)},
		Peers: []wgquick.Peer{{
			PublicKey:    other.key.Public(),
			PresharedKey: wgquick.Key{9},
			Endpoint:     endpoint,
			AllowedIPs:   []netip.Prefix{netip.PrefixFrom(other.addr, 32)},
			Line:         5,
		}},
	}
}

// interfaceName returns a name that no other test and no other process uses.
var interfaceName = func() func(t *testing.T) string {
	var n atomic.Int32
	return func(t *testing.T) string { return fmt.Sprintf("td%dx%d", os.Getpid()%100000, n.Add(1)) }
}()

func newClient(t *testing.T, s side, conf *wgquick.Config, resolve Resolver) *Client {
	t.Helper()
	c, err := NewClient(s.dev.TUN(), interfaceName(t), conf, resolve, t.Logf)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// port returns the UDP port that c listens on.
func port(t *testing.T, c *Client) uint16 {
	t.Helper()
	state, err := c.dev.IpcGet()
	must(t, err)
	_, after, _ := strings.Cut(state, "listen_port=")
	text, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseUint(text, 10, 16)
	must(t, err)
	return uint16(n)
}

// ping sends a packet into the tunnel at from and waits for it at to.
func ping(t *testing.T, from, to side) {
	t.Helper()
	packet := tuntest.Ping(to.addr, from.addr)
	timeout := time.After(20 * time.Second)
	select {
	case from.dev.Outbound <- packet:
	case <-timeout:
		t.Fatal("the packet was not read")
	}
	select {
	case got := <-to.dev.Inbound:
		if !bytes.Equal(got, packet) {
			t.Fatalf("got packet %x, want %x", got, packet)
		}
	case <-timeout:
		t.Fatalf("no packet from %v came to %v", from.addr, to.addr)
	}
}

func TestClientsExchangePackets(t *testing.T) {
	checkLeaks(t)
	a, b := newSides()
	ca := newClient(t, a, a.config(b, wgquick.Endpoint{}), nil)
	newClient(t, b, b.config(a, wgquick.Endpoint{Host: "127.0.0.1", Port: port(t, ca)}), nil)
	ping(t, b, a)
	ping(t, a, b)
}

func TestClientResolvesInBackground(t *testing.T) {
	checkLeaks(t)
	a, b := newSides()
	ca := newClient(t, a, a.config(b, wgquick.Endpoint{}), nil)
	var attempts atomic.Int32
	resolved := make(chan struct{})
	conf := b.config(a, wgquick.Endpoint{Host: "gateway.example", Port: port(t, ca)})
	conf.Peers[0].PersistentKeepalive = 25
	newClient(t, b, conf, func(_ context.Context, host string) (netip.Addr, error) {
		if host != "gateway.example" {
			return netip.Addr{}, fmt.Errorf("asked for %q", host)
		}
		if attempts.Add(1) == 1 {
			return netip.Addr{}, errors.New("the network is not up yet")
		}
		close(resolved) // panics if there is a third attempt
		return netip.MustParseAddr("127.0.0.1"), nil
	})
	<-resolved
	ping(t, b, a)
}

func TestClientCloseWhileResolving(t *testing.T) {
	checkLeaks(t)
	a, b := newSides()
	asked := make(chan struct{})
	c := newClient(t, b, b.config(a, wgquick.Endpoint{Host: "gateway.example", Port: 51820}), func(ctx context.Context, _ string) (netip.Addr, error) {
		close(asked)
		<-ctx.Done()
		return netip.Addr{}, ctx.Err()
	})
	<-asked
	must(t, c.Close())
	select {
	case <-c.Done():
	default:
		t.Error("not done after Close")
	}
}

func TestNewClientRefuses(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{})
	must(t, err)
	defer taken.Close()
	takenPort := taken.LocalAddr().(*net.UDPAddr).Port
	a, b := newSides()
	tests := []struct {
		name   string
		change func(c *wgquick.Config)
		want   string
	}{
		{"port in use", func(c *wgquick.Config) { c.ListenPort = takenPort }, fmt.Sprintf("UDP port %d is in use by another program", takenPort)},
		{"endpoint inside the tunnel", func(c *wgquick.Config) { c.Peers[0].Endpoint = wgquick.Endpoint{Host: b.addr.String(), Port: 1} }, "wg0.conf:5: endpoint 10.8.0.2:1 of this peer lies inside AllowedIPs 10.8.0.2/32"},
		{"nobody to resolve", func(c *wgquick.Config) { c.Peers[0].Endpoint = wgquick.Endpoint{Host: "gateway.example", Port: 1} }, "wg0.conf: an endpoint is a name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkLeaks(t)
			dev := tuntest.NewChannelTUN()
			conf := a.config(b, wgquick.Endpoint{})
			tt.change(conf)
			logf := func(format string, args ...any) { t.Errorf("logged: "+format, args...) }
			c, err := NewClient(dev.TUN(), interfaceName(t), conf, nil, logf)
			if err == nil {
				c.Close()
				t.Fatal("NewClient succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q lacks %q", err, tt.want)
			}
			// The interface is NewClient's to close. One event was waiting when it was made.
			for range dev.TUN().Events() {
			}
		})
	}
}

func TestStartSettings(t *testing.T) {
	a, b := newSides()
	tests := []struct {
		endpoint wgquick.Endpoint
		has      bool // endpoint and keepalive
	}{
		{wgquick.Endpoint{Host: "192.0.2.1", Port: 51820}, true},
		{wgquick.Endpoint{Host: "gateway.example", Port: 51820}, false},
	}
	for _, tt := range tests {
		conf := a.config(b, tt.endpoint)
		conf.Peers[0].PersistentKeepalive = 25
		got, err := startSettings(conf)
		must(t, err)
		for _, line := range []string{"\nendpoint=192.0.2.1:51820\n", "\npersistent_keepalive_interval=25\n"} {
			if strings.Contains(got, line) != tt.has {
				t.Errorf("settings with endpoint %v: %q in them is %t, want %t", tt.endpoint, line, !tt.has, tt.has)
			}
		}
		if p := conf.Peers[0]; p.Endpoint != tt.endpoint || p.PersistentKeepalive != 25 {
			t.Errorf("the caller's configuration has changed: %v", p)
		}
	}
}

// WireGuard takes any port after it could not have the one that it was told, which happens
// without start noticing when the interface's event comes first.
func TestStartNoticesLostPort(t *testing.T) {
	checkLeaks(t)
	a, b := newSides()
	c := newClient(t, a, a.config(b, wgquick.Endpoint{}), nil)
	other := int(port(t, c)) ^ 1
	if err := c.start("", other); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("UDP port %d is in use", other)) {
		t.Errorf("error %v, want one about port %d", err, other)
	}
	must(t, c.start("", int(port(t, c))))
}
