package tunnel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tundns/tunnel/wgquick"
)

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

func addrs(texts ...string) []netip.Addr {
	var as []netip.Addr
	for _, text := range texts {
		as = append(as, netip.MustParseAddr(text))
	}
	return as
}

func TestOptionsRefused(t *testing.T) {
	tests := []struct {
		name string
		opts Options
		want string // "" when they are fine
	}{
		{"least", Options{Name: "tun"}, ""},
		{"whole", Options{Name: "tundns0", MTU: 1280, Addresses: prefixes("10.30.30.1/24", "fd30::1/64"), Virtual: addrs("10.30.30.30", "fd30::30"), Routes: prefixes("10.0.0.0/8", "fd00::/8")}, ""},
		{"no name", Options{}, "the interface has no name"},
		{"long name", Options{Name: "a-very-long-name"}, `"a-very-long-name" has 16 bytes; the system allows 15`},
		{"slash", Options{Name: "a/b"}, `"a/b" is not valid`},
		{"pattern", Options{Name: "tun%d"}, `"tun%d" is not valid`},
		{"space", Options{Name: "a b"}, "is not valid"},
		{"dots", Options{Name: ".."}, "is not valid"},
		{"small MTU", Options{Name: "t", MTU: 575}, "MTU 575 of interface t is out of range: 576 to 65535"},
		{"large MTU", Options{Name: "t", MTU: 65536}, "MTU 65536"},
		{"loopback", Options{Name: "t", Addresses: prefixes("127.0.0.1/8")}, "127.0.0.1/8 cannot be an own address"},
		{"invalid prefix", Options{Name: "t", Addresses: []netip.Prefix{{}}}, "cannot be an own address"},
		{"own twice", Options{Name: "t", Addresses: prefixes("10.0.0.1/8", "10.0.0.1/32")}, "own address 10.0.0.1 of interface t is given twice"},
		{"multicast", Options{Name: "t", Virtual: addrs("224.0.0.251")}, "224.0.0.251 cannot be a virtual address"},
		{"link-local", Options{Name: "t", Virtual: addrs("fe80::53")}, "fe80::53 cannot be a virtual address"},
		{"mapped", Options{Name: "t", Virtual: addrs("::ffff:10.0.0.1")}, "cannot be a virtual address"},
		{"invalid address", Options{Name: "t", Virtual: []netip.Addr{{}}}, "cannot be a virtual address"},
		{"virtual twice", Options{Name: "t", Virtual: addrs("10.0.0.1", "10.0.0.1")}, "virtual address 10.0.0.1 is given twice"},
		{"virtual is own", Options{Name: "t", Addresses: prefixes("10.0.0.1/8"), Virtual: addrs("10.0.0.1")}, "virtual address 10.0.0.1 is also an own address"},
		{"host bits", Options{Name: "t", Routes: prefixes("10.0.0.1/8")}, "10.0.0.1/8 cannot be routed"},
		{"everything", Options{Name: "t", Routes: prefixes("::/0")}, "full-tunnel routing is not supported in this version"},
		{"only the virtual address", Options{Name: "t", Virtual: addrs("10.0.0.1"), Routes: prefixes("10.0.0.1/32")}, "the whole of a peer's AllowedIPs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.opts.complete()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	given := Options{Name: "t", Addresses: prefixes("10.0.0.1/8"), Virtual: addrs("10.0.0.2"), Routes: prefixes("10.1.0.0/16")}
	opts, err := given.complete()
	must(t, err)
	if opts.MTU != DefaultMTU {
		t.Errorf("MTU %d, want %d", opts.MTU, DefaultMTU)
	}
	opts.Logf("a line for nobody")
	clear(given.Addresses)
	clear(given.Virtual)
	clear(given.Routes)
	if !opts.Addresses[0].IsValid() || !opts.Virtual[0].IsValid() || !opts.Routes[0].IsValid() {
		t.Error("the copy changed with the caller's slices")
	}
}

func TestInterfaceName(t *testing.T) {
	tests := []struct{ file, name, err string }{
		{"wg0.conf", "wg0", ""},
		{"/etc/wireguard/office.conf", "office", ""},
		{"home", "home", ""},
		{"/etc/wireguard/my-provider-se-42.conf", "", "rename the file or give the interface a name"},
		{"some/.conf", "", "has no name"},
		{"office vpn.conf", "", "is not valid"},
	}
	for _, tt := range tests {
		name, err := InterfaceName(tt.file)
		if name != tt.name || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("InterfaceName(%q) = %q, %v; want %q, %q", tt.file, name, err, tt.name, tt.err)
		}
	}
}

func TestClientOptions(t *testing.T) {
	peers := func(allowed ...string) []wgquick.Peer {
		return []wgquick.Peer{{AllowedIPs: prefixes(allowed[:1]...)}, {AllowedIPs: prefixes(allowed[1:]...)}}
	}
	base := Options{Addresses: prefixes("10.30.30.1/32", "fd30:30:30::1/128"), Virtual: addrs("10.30.30.30", "fd30:30:30::30")}
	named := base
	named.Name, named.MTU = "office", 1400
	tests := []struct {
		name string
		conf wgquick.Config
		base Options
		want Options
	}{
		{"both families in the file", wgquick.Config{File: "wg0.conf", MTU: 1380, Addresses: prefixes("10.8.0.2/24", "fd08::2/64"), Peers: peers("10.8.0.0/24", "10.9.0.0/16", "fd09::/16")}, base,
			Options{Name: "wg0", MTU: 1380, Addresses: prefixes("10.8.0.2/24", "fd08::2/64"), Routes: prefixes("10.8.0.0/24", "10.9.0.0/16", "fd09::/16")}},
		{"no IPv6 address", wgquick.Config{File: "wg0.conf", Addresses: prefixes("10.8.0.2/32")}, named,
			Options{Name: "office", MTU: 1400, Addresses: prefixes("10.8.0.2/32", "fd30:30:30::1/128")}},
		{"no IPv4 address", wgquick.Config{File: "wg0.conf", Addresses: prefixes("fd08::2/64")}, base,
			Options{Name: "wg0", MTU: DefaultMTU, Addresses: prefixes("fd08::2/64", "10.30.30.1/32")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ClientOptions(&tt.conf, tt.base)
			must(t, err)
			if got.Name != tt.want.Name || got.MTU != tt.want.MTU || !slices.Equal(got.Addresses, tt.want.Addresses) ||
				!slices.Equal(got.Routes, tt.want.Routes) || !slices.Equal(got.Virtual, base.Virtual) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if _, err := ClientOptions(&wgquick.Config{File: "wg0.conf", Addresses: prefixes("10.30.30.30/24")}, base); err == nil || !strings.Contains(err.Error(), "also an own address") {
		t.Errorf("error %v, want one about the virtual address being the file's own", err)
	}
	if _, err := ClientOptions(loopConfig("10.8.0.77"), base); err == nil || !strings.Contains(err.Error(), "lies inside AllowedIPs 10.8.0.0/24") {
		t.Errorf("error %v, want one about the endpoint", err)
	}
}

// loopConfig is a configuration whose first peer is reached by way of the second one.
func loopConfig(endpoint string) *wgquick.Config {
	return &wgquick.Config{File: "wg0.conf", Peers: []wgquick.Peer{
		{Line: 7, Endpoint: wgquick.Endpoint{Host: endpoint, Port: 51820}, AllowedIPs: prefixes("10.9.0.0/24")},
		{Line: 12, AllowedIPs: prefixes("10.8.0.0/24")},
	}}
}
