package datapath

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"go.uber.org/goleak"
	"golang.zx2c4.com/wireguard/conn/bindtest"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"tundns/datapath/memtun"
)

// TestUnderWireGuard puts a filter that serves peers under a real wireguard-go
// device, and asks it from another through the tunnel.
func TestUnderWireGuard(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	gateway, client := memtun.New(memtun.Options{}), memtun.New(memtun.Options{})
	f := newFilter(t, gateway, Config{Peers: true})
	for _, a := range []netip.Addr{vip4, vip6} {
		c, err := f.ListenUDP(ap(a, 53))
		if err != nil {
			t.Fatal(err)
		}
		echo(c, 2, func(b []byte, from Sender) []byte { return fmt.Append(b, " from ", from.From) })
	}

	var keys [2]*ecdh.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	binds := bindtest.NewChannelBinds()
	up := func(i int, dev tun.Device, allowed ...string) *device.Device {
		d := device.NewDevice(dev, binds[i], device.NewLogger(device.LogLevelError, ""))
		conf := fmt.Sprintf("private_key=%s\npublic_key=%s\nendpoint=127.0.0.1:%d\n",
			hex.EncodeToString(keys[i].Bytes()), hex.EncodeToString(keys[1-i].PublicKey().Bytes()), i+1) // the binds name their other end by this port
		for _, a := range allowed {
			conf += "allowed_ip=" + a + "\n"
		}
		if err := d.IpcSet(conf); err != nil {
			t.Fatal(err)
		}
		if err := d.Up(); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d0 := up(0, f, peer4.String()+"/32", peer6.String()+"/128")
	d1 := up(1, client, "0.0.0.0/0", "::/0")

	ask := func(p []byte) []byte {
		t.Helper()
		if err := client.Send(p); err != nil {
			t.Fatal(err)
		}
		reply, err := client.Receive(within(t))
		if err != nil {
			t.Fatalf("no answer through the tunnel: %v; %+v", err, f.Stats())
		}
		return reply
	}
	for i := range 200 {
		from, vip := ap(peer4, 999), vip4
		if i%2 == 1 {
			from, vip = ap(peer6, 999), vip6
		}
		query := fmt.Sprint("query ", i)
		_, seg := checkReply(t, ask(udpPacket(from, ap(vip, 53), query)), vip, from.Addr())
		if got := string(seg[8:]); got != query+" from peers" {
			t.Fatalf("got %q", got)
		}
		checkReply(t, ask(ping(from.Addr(), vip, "x")), vip, from.Addr())
	}
	// Foreign packets of a mixed batch reach the host behind the gateway.
	client.Send(
		udpPacket(ap(peer4, 1), ap(host4, 80), "one"),
		udpPacket(ap(peer4, 1), ap(vip4, 53), "query"),
		udpPacket(ap(peer4, 1), ap(host4, 80), "two"),
	)
	for _, want := range []string{"one", "two"} {
		p, err := gateway.Receive(within(t))
		if err != nil || string(p[28:]) != want {
			t.Fatalf("the gateway's host got %x, %v, want %q", p, err, want)
		}
	}
	if _, err := client.Receive(within(t)); err != nil {
		t.Fatal(err)
	}
	d1.Close()
	d0.Close() // closes the filter
	goleak.VerifyNone(t, leaks)
}
