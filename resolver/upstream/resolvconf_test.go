package upstream

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tundns/resolver/upstream/upstreamtest"
)

func TestParseResolvConf(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.30.30.30"), netip.MustParseAddr("fd30:30:30::30")}
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"nameserver 192.0.2.1\n", "192.0.2.1:53"},
		{"# nameserver 192.0.2.9\n; nameserver 192.0.2.9\nsearch a.example\noptions edns0\nnameserver\t192.0.2.1   # x\r\nnameserver 2001:db8::1", "192.0.2.1:53 [2001:db8::1]:53"},
		{"nameserver 10.30.30.30\nnameserver fd30:30:30::30\nnameserver ::ffff:10.30.30.30\nnameserver 192.0.2.1", "192.0.2.1:53"},
		{"nameserver 127.0.0.53\nnameserver fe80::1%eth0", "127.0.0.53:53 [fe80::1%eth0]:53"},
		{"nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4", "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53"},
		{"nameserver 0.0.0.0\nnameserver ::\nnameserver 224.0.0.1\nnameserver dns.example\nnameserver\nnameservers 192.0.2.1", ""},
	} {
		addrs, err := parseResolvConf(strings.NewReader(tt.text), own)
		var got []string
		for _, a := range addrs {
			got = append(got, a.String())
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, %v; want %s", tt.text, got, err, tt.want)
		}
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nnameserver 10.30.30.30\nnameserver fe80::1%eth0\n")
	f.Add("nameserver\x00192.0.2.1\r\n#")
	own := []netip.Addr{netip.MustParseAddr("10.30.30.30")}
	f.Fuzz(func(t *testing.T, text string) {
		addrs, _ := parseResolvConf(strings.NewReader(text), own)
		if len(addrs) > maxHostServers {
			t.Errorf("%q: %v", text, addrs)
		}
		for _, a := range addrs {
			if !isServerAddr(a.Addr()) || slices.Contains(own, a.Addr()) {
				t.Errorf("%q: %v", text, a)
			}
		}
	})
}

// TestHostServers: the servers are those of the file as it is, whether it is
// written anew or another one takes its place.
func TestHostServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	h := &hostServers{path: path, own: []netip.Addr{netip.MustParseAddr("10.30.30.30")}}
	if _, err := h.find(t.Context()); err == nil {
		t.Error("no file and no error")
	}
	write := func(path, text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		addrs, err := h.find(t.Context())
		if want == "" {
			if err != errNoHostServer {
				t.Errorf("%v, %v", addrs, err)
			}
			return
		}
		if err != nil || len(addrs) != 1 || addrs[0].String() != want {
			t.Errorf("%v, %v; want %s", addrs, err, want)
		}
	}
	write(path, "nameserver 192.0.2.1\n", time.Hour)
	expect("192.0.2.1:53")
	expect("192.0.2.1:53")
	write(path, "nameserver 192.0.2.2\n", time.Minute) // as long as before
	expect("192.0.2.2:53")
	other := path + ".new"
	write(other, "nameserver 192.0.2.3\n", time.Minute)
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	expect("192.0.2.3:53")
	write(path, "nameserver 10.30.30.30\n", 0)
	expect("")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.find(t.Context()); err == nil {
		t.Error("no file any more and no error")
	}
}

// TestSystem: queries go to where the file says, and a new server is used at once.
func TestSystem(t *testing.T) {
	first, second := upstreamtest.NewDNS(t, big), upstreamtest.NewDNS(t, testAnswer)
	tr := transport(t, Server{URL: system}, nil).(*udp)
	at := first.Addr()
	tr.place.find = func(context.Context) ([]netip.AddrPort, error) { return []netip.AddrPort{at}, nil }
	if reply, err := tr.Exchange(within(t, enough), testQuery()); err != nil || len(reply) < 1232 {
		t.Errorf("%d bytes, %v", len(reply), err) // by UDP, then TCP
	}
	at = second.Addr()
	exchange(t, tr)
	if tr.String() != "system" || second.Queries() != 1 {
		t.Errorf("%v has asked the second server %d times", tr, second.Queries())
	}
	for _, s := range []Server{
		{URL: system, Addresses: []netip.Addr{testAddr}},
		{URL: system, Pins: []string{"x"}},
		{URL: system, Method: "get"},
	} {
		if _, err := NewTransport(s, nil); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func TestNoHostServer(t *testing.T) {
	tr := transport(t, Server{URL: system}, nil).(*udp)
	h := &hostServers{path: filepath.Join(t.TempDir(), "none")}
	tr.place.find = h.find
	if _, err := tr.Exchange(t.Context(), testQuery()); causeOf(err) != NoAddress {
		t.Errorf("%v is %v", err, causeOf(err))
	}
}
