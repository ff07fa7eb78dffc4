package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // time zones are known wherever the tests run
)

func addrs(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// texts returns lines as a configuration has them, but for their places.
func texts(lines ...string) []Text {
	var list []Text
	for _, line := range lines {
		list = append(list, Text{Value: line})
	}
	return list
}

var everyDay = [7]bool{true, true, true, true, true, true, true}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// exported returns a copy of c without what is not part of the configuration itself: places
// in the file and the like.
func exported(c *Config) Config {
	e := *c
	e.File, e.given, e.groups = "", nil, false
	bare := func(list []Text) []Text {
		list = slices.Clone(list)
		for i := range list {
			list[i].At = Position{}
		}
		return list
	}
	e.Local.Records = bare(e.Local.Records)
	e.Groups = slices.Clone(e.Groups)
	for i := range e.Groups {
		e.Groups[i].Rules = bare(e.Groups[i].Rules)
	}
	e.Tests = slices.Clone(e.Tests)
	for i := range e.Tests {
		e.Tests[i].At = Position{}
	}
	return e
}

// parse parses a file that has to be right.
func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("tundns.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		change     func(*Config) // of the defaults
	}{
		{"empty", "", func(*Config) {}},
		{"comment", "# nothing\n", func(*Config) {}},
		{"byte order mark", "\ufeffmode = \"dns\"\r\n", func(*Config) {}},
		{"empty tables", "[tun]\n[dns]\n[cache]\n[metrics]\n[wireguard]\n", func(*Config) {}},
		{"harmless words", "list = []\ngroup = []\n[dns]\nhijack = false\n[wireguard]\nconfig = \"\"\n", func(*Config) {}},
		{"client", "mode = \"client\"\nwireguard.config = \"wg0.conf\"\n", func(c *Config) {
			c.Mode = ModeClient
			c.WireGuard.Config = "wg0.conf"
		}},
		{"tun", "[tun]\nname = \"t0\"\nmtu = 9_000\naddresses = [\"10.0.0.1/24\", \"fd00::1\"]\n", func(c *Config) {
			c.TUN = TUN{Name: "t0", MTU: 9000, Addresses: prefixes("10.0.0.1/24", "fd00::1/128")}
		}},
		{"IPv4 only", "tun = { mtu = 576, addresses = [\"10.0.0.1\"] }\ndns.addresses = [\"10.0.0.53\"]\n", func(c *Config) {
			c.TUN.MTU, c.TUN.Addresses = 576, prefixes("10.0.0.1/32")
			c.DNS.Addresses = addrs("10.0.0.53")
		}},
		{"upstream", `
[[upstream]]
servers = [
  "udp://192.0.2.1:5353", # a comment
  "tcp://[2001:db8::1]",
  { url = "https://192.0.2.1/q?k=v" },
  { addresses = ["192.0.2.2", "2001:db8::2"], url = "https://dns.example:8443/dns-query" },
  { url = "UDP://ns.example", addresses = ["127.0.0.1"] },
  "tls://192.0.2.1:443",
  "system",
  "quic://192.0.2.1",
  "sdns://AgcAAAAAAAAABzkuOS45LjkADWRucy5xdWFkOS5uZXQKL2Rucy1xdWVyeQ",
  { url = "h3://192.0.2.1/q", method = "get" },
  { url = "tls://192.0.2.1", pins = ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] },
]
domains = []
ca_file = "ca.pem"
case_randomization = true
name = "mine"
`, func(c *Config) {
			c.Upstreams = []Upstream{{Name: "mine", Strategy: "failover", Via: "direct", CAFile: "ca.pem", CaseRandomization: true, Servers: []Server{
				{URL: "udp://192.0.2.1:5353"},
				{URL: "tcp://[2001:db8::1]"},
				{URL: "https://192.0.2.1/q?k=v"},
				{URL: "https://dns.example:8443/dns-query", Addresses: addrs("192.0.2.2", "2001:db8::2")},
				{URL: "UDP://ns.example", Addresses: addrs("127.0.0.1")},
				{URL: "tls://192.0.2.1:443"},
				{URL: "system"},
				{URL: "quic://192.0.2.1"},
				{URL: "https://dns.quad9.net/dns-query", Addresses: addrs("9.9.9.9")},
				{URL: "h3://192.0.2.1/q", Method: "get"},
				{URL: "tls://192.0.2.1", Pins: []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
			}}}
		}},
		{"bootstrap", "[[upstream]]\nservers = [\"tls://dns.example\"]\n[bootstrap]\nservers = [\"udp://192.0.2.1\", { url = \"tls://b.example\", addresses = [\"192.0.2.2\"] }]\nfile = \"a.json\"\n", func(c *Config) {
			c.Upstreams = []Upstream{{Name: "default", Strategy: "failover", Via: "direct", Servers: []Server{{URL: "tls://dns.example"}}}}
			c.Bootstrap = Bootstrap{Servers: []Server{{URL: "udp://192.0.2.1"}, {URL: "tls://b.example", Addresses: addrs("192.0.2.2")}}, File: "a.json"}
		}},
		{"servers as tables", "[[upstream]]\n[[upstream.servers]]\nurl = \"udp://192.0.2.1\"\n[[upstream.servers]]\nurl = \"tcp://192.0.2.1\"\n", func(c *Config) {
			c.Upstreams = []Upstream{{Name: "default", Strategy: "failover", Via: "direct", Servers: []Server{{URL: "udp://192.0.2.1"}, {URL: "tcp://192.0.2.1"}}}}
		}},
		{"split DNS", "[[upstream]]\nname = \"office\"\nservers = [\"udp://10.0.0.53\"]\ndomains = [\"Corp.Example.\", \"=host.example\", \"bücher.example\", \"10.in-addr.arpa\", \"192.168.0.0/16\"]\n" +
			"[[upstream]]\nservers = [\"udp://192.0.2.1\"]\nstrategy = \"fastest\"\n", func(c *Config) {
			c.Upstreams = []Upstream{
				{Name: "office", Strategy: "failover", Via: "direct", Servers: []Server{{URL: "udp://10.0.0.53"}}, Domains: []Domain{
					{"corp.example", false}, {"host.example", true}, {"xn--bcher-kva.example", false}, {"10.in-addr.arpa", false}, {"168.192.in-addr.arpa", false}}},
				{Name: "default", Strategy: "fastest", Via: "direct", Servers: []Server{{URL: "udp://192.0.2.1"}}},
			}
		}},
		{"cache", "[cache]\nmax_bytes = \"2 GB\"\nstale_for = \"1h30m\"\n", func(c *Config) {
			c.Cache = Cache{MaxBytes: 2e9, StaleFor: 90 * time.Minute}
		}},
		{"cache in bytes", "[cache]\nmax_bytes = 1048576\nstale_for = \"0s\"\n", func(c *Config) {
			c.Cache = Cache{MaxBytes: 1 << 20}
		}},
		{"snapshot", "[cache]\nsnapshot = \"cache.bin\"\n[dns]\nclient_subnet = \"pass\"\n", func(c *Config) {
			c.Cache.Snapshot, c.DNS.ClientSubnet = "cache.bin", SubnetPass
		}},
		{"list alone", "[[list]]\nname = \"ads\"\npath = \"a.txt\"\n", func(c *Config) {
			c.Lists = []List{{Name: "ads", Path: "a.txt", Format: "auto", Action: "block", Subdomains: true}}
			c.Groups[0].Lists = []string{"ads"}
		}},
		{"lists and groups", `
[[group]]
name = "default"
block_with = "nodata"
[[group]]
name = "kids"
clients = ["10.0.0.7", "10.0.2.0/24", "fd00::/64"]
lists = ["white", "ads"]
block_with = "192.0.2.80"
[[group]]
name = "free"
clients = ["10.0.0.0/8"]
lists = []
[[list]]
name = "ads"
path = "lists/ads.txt"
format = "domains"
subdomains = false
[[list]]
name = "white"
path = "w.txt"
format = "adblock"
action = "allow"
url = ""
`, func(c *Config) {
			c.Lists = []List{
				{Name: "ads", Path: filepath.Join("lists", "ads.txt"), Format: "domains", Action: "block"},
				{Name: "white", Path: "w.txt", Format: "adblock", Action: "allow", Subdomains: true},
			}
			c.Groups = []Group{
				{Name: "kids", Clients: prefixes("10.0.0.7/32", "10.0.2.0/24", "fd00::/64"), Lists: []string{"white", "ads"}, BlockWith: "192.0.2.80"},
				{Name: "free", Clients: prefixes("10.0.0.0/8"), Lists: []string{}, BlockWith: "null"},
				{Name: "default", Lists: []string{"ads", "white"}, BlockWith: "nodata"},
			}
		}},
		{"metrics", "metrics.listen = \"127.0.0.1:9153\"", func(c *Config) { c.Metrics.Listen = "127.0.0.1:9153" }},
		{"query log", "[log]\nqueries = \"blocked\"", func(c *Config) { c.Log.Queries = LogBlocked }},
		{"metrics everywhere", "metrics.listen = \":9153\"", func(c *Config) { c.Metrics.Listen = ":9153" }},
		{"metrics everywhere in IPv6", "metrics.listen = \"[::]:1\"", func(c *Config) { c.Metrics.Listen = "[::]:1" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Default()
			tt.change(want)
			if got := exported(parse(t, tt.text)); !reflect.DeepEqual(got, exported(want)) {
				t.Errorf("got  %+v\nwant %+v", got, exported(want))
			}
		})
	}
}

// Two calls give two configurations: whoever changes one leaves the other alone.
func TestDefaultIsACopy(t *testing.T) {
	a := Default()
	a.DNS.Addresses[0] = netip.IPv6Loopback()
	a.Upstreams[0].Servers[0].Addresses[0] = netip.IPv6Loopback()
	a.Groups[0].BlockWith = "refused"
	if !reflect.DeepEqual(Default(), Default()) || reflect.DeepEqual(a, Default()) {
		t.Error("the copies are connected")
	}
}

// What the defaults say in a file is no error, and the defaults are valid as they are.
func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !c.StarterList() || c.IsSet("mode") {
		t.Error("the defaults name a list, or come from a file")
	}
	for _, s := range c.Upstreams[0].Servers {
		if why := s.wrong(); why != "" {
			t.Errorf("%s %s", s.URL, why)
		}
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etc")
	c, err := Parse(filepath.Join(dir, "tundns.toml"), []byte(`
wireguard.config = "wg/wg0.conf"
cache.snapshot = "cache"
[[upstream]]
servers = ["https://192.0.2.1/q"]
ca_file = "../ca.pem"
[[list]]
name = "a"
path = "a.txt"
[[list]]
name = "b"
path = '`+filepath.Join(dir, "b.txt")+"'\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ got, want string }{
		{c.WireGuard.Config, filepath.Join(dir, "wg", "wg0.conf")},
		{c.Cache.Snapshot, filepath.Join(dir, "cache")},
		{c.Upstreams[0].CAFile, filepath.Join(filepath.Dir(dir), "ca.pem")},
		{c.Lists[0].Path, filepath.Join(dir, "a.txt")},
		{c.Lists[1].Path, filepath.Join(dir, "b.txt")},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

func TestStarterList(t *testing.T) {
	const list = "[[list]]\nname = \"a\"\npath = \"a\"\n"
	for text, want := range map[string]bool{
		"":                                   true,
		"list = []\ngroup = []\n":            true,
		"[tun]\nmtu = 1500\n":                true,
		list:                                 false,
		"[[group]]\nname = \"default\"\n":    false,
		list + "[[group]]\nname=\"default\"": false,
	} {
		if got := parse(t, text).StarterList(); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestIsSet(t *testing.T) {
	c := parse(t, "tun.mtu = 1420\n[metrics]\n\n[wireguard]\nconfig = \"\"\n[[list]]\nname = \"a\"\npath = \"a\"\n")
	for key, want := range map[string]bool{
		"tun": true, "tun.mtu": true, "metrics": true, "wireguard.config": true, "list": true,
		"mode": false, "tun.name": false, "metrics.listen": false, "list.name": false, "": false,
	} {
		if got := c.IsSet(key); got != want {
			t.Errorf("%q: got %v, want %v", key, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		text   string
		change func(*Config) // what a command line does
		want   string
	}{
		{"", func(*Config) {}, ""},
		{"", func(c *Config) { c.Mode, c.WireGuard.Config = ModeClient, "wg0.conf" }, ""},
		{"\nmode = \"client\"", func(c *Config) { c.WireGuard.Config = "wg0.conf" }, ""},
		{"\nmode = \"client\"", func(*Config) {}, `tundns.toml:2:1: mode "client" needs a wg-quick file: add [wireguard] with config = "wg0.conf", or start with --wg wg0.conf`},
		{"[wireguard]\nconfig = \"a\"", func(*Config) {}, `tundns.toml:2:1: a WireGuard configuration is used in mode "client" only; set mode = "client", or remove it`},
		{"", func(c *Config) { c.Mode = "gate" }, `tundns.toml:1:1: mode "gate" is not known; use "dns" or "client"`},
		{"", func(c *Config) { c.File, c.Mode = "", ModeClient }, `mode "client" needs a wg-quick file: add [wireguard] with config = "wg0.conf", or start with --wg wg0.conf`},
	} {
		c := parse(t, tt.text)
		tt.change(c)
		err := c.Validate()
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%q: got %v, want %s", tt.text, err, tt.want)
		}
		if _, ok := errors.AsType[Errors](err); err != nil && !ok {
			t.Errorf("the error is a %T", err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tundns.toml")
	if err := os.WriteFile(path, []byte("[tun]\nmtu = 1500\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.File != path || c.TUN.MTU != 1500 {
		t.Errorf("got %+v", c)
	}
	_, err = Load(filepath.Join(dir, "absent.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read configuration: open ") {
		t.Errorf("absent file: %v", err)
	}
	if _, err = Load(dir); err == nil {
		t.Error("a directory was read as a file")
	}
	if err := os.WriteFile(path, []byte("\n  mtu = 1500\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":2:3: ") {
		t.Errorf("bad file: %v", err)
	}
}
