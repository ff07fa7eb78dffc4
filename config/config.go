// Package config reads tundns.toml into a validated [Config].
//
// An empty file is a valid configuration: every key has a default, and [Default] is what
// it gives. A file is either understood to the last key or refused: unknown keys, wrong
// types and values that make no sense are errors with file:line:column that say what
// would be right, all of them at once. What the format has words for but this version
// cannot do (mode "gateway", clients by the name of a peer and others) is refused the same
// way. Records of [local] and rules of a [[group]] are kept as [Text]; what they mean is
// checked by whoever uses them.
//
// A program loads a file, sets what its command line overrides, then calls
// [Config.Validate].
package config

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// maxFileSize is in bytes: some ten thousand clients or two thousand lists. The bound
// keeps a mistaken path (a blocklist, a device) from being read to its end, and the TOML
// decoder, whose time grows with the square of the keys in a table, below some seconds.
const maxFileSize = 256 << 10

// Mode is the way tundns runs.
type Mode string

const (
	// ModeDNS opens a TUN of its own that carries DNS alone.
	ModeDNS Mode = "dns"
	// ModeClient is a WireGuard client whose tunnel answers DNS.
	ModeClient Mode = "client"
)

// What may become of clients' EDNS Client Subnet options.
const (
	SubnetStrip = "strip"
	SubnetPass  = "pass"
)

// Config is a whole configuration. It mirrors the file; paths in it are ready to open:
// those that the file gives relative to itself are joined to its directory.
//
// [Load], [Parse] and [Default] return one that the caller owns. Concurrent reads are safe.
type Config struct {
	// File is the path it came from, "" for the built-in defaults.
	File string
	Mode Mode
	// State is the folder for downloaded and compiled lists; "" for the system's own.
	State     string
	TUN       TUN
	WireGuard WireGuard
	DNS       DNS
	// Upstreams are the upstream groups, with unique names. Exactly one has no domains: the
	// default group.
	Upstreams []Upstream
	Bootstrap Bootstrap
	Cache     Cache
	Local     Local
	// Lists have unique names.
	Lists []List
	// Groups are the client groups in order of precedence. The last one is always
	// "default", which takes the clients that match no other group.
	Groups []Group
	// Tests are what the policy has to keep to, before it is put in force.
	Tests   []Test
	Metrics Metrics
	Log     Log

	given  map[string]Position // dotted keys that the file sets, such as "tun.mtu"
	groups bool                // the file names a client group
}

// TUN is the interface, [tun] in the file.
type TUN struct {
	// Name is 1 to 15 bytes.
	Name string
	// MTU is in bytes: 576 to 65535, and at least 1280 where an address is IPv6.
	MTU int
	// Addresses are the host's own on the interface, host bits kept; one at least for each
	// family of the virtual addresses.
	Addresses []netip.Prefix
}

// WireGuard is [wireguard] in the file.
type WireGuard struct {
	// Config is the path of a wg-quick file, "" for none.
	Config string
}

// DNS is [dns] in the file.
type DNS struct {
	// Addresses are the virtual addresses, one at least: unicast, unique, none of them an
	// own address of the interface.
	Addresses []netip.Addr
	// Hijack is to answer every query that enters the tunnel, as the address asked. It is
	// refused in this version, so always false.
	Hijack bool
	// ClientSubnet is what becomes of clients' EDNS Client Subnet options: "strip" or "pass".
	ClientSubnet string
	// Canaries is to answer the names by which browsers and phones find out whether they may
	// ask somebody else, such as use-application-dns.net, so that they stay; for client
	// groups that filter.
	Canaries bool
	// RebindingProtection is to refuse private addresses in answers from public servers.
	RebindingProtection bool
	// RebindingAllow are domains, in lower case and ASCII without a trailing dot, that may
	// have private addresses all the same, with the names under them. Each is there once; it
	// is empty without RebindingProtection.
	RebindingAllow []string
}

// Upstream is an upstream group, [[upstream]] in the file.
type Upstream struct {
	// Name is made of letters, digits, '-', '_' and '.', as fits a metric's label.
	Name string
	// Domains restricts the group to these domains, which no other group has. Networks are
	// in it as their reverse zones. It is empty exactly for the default group.
	Domains []Domain
	// Servers are in order of preference, one at least.
	Servers []Server
	// Strategy is "failover" or "fastest".
	Strategy string
	// Via is "direct", the only way in this version.
	Via string
	// CAFile is the path of a PEM file with further roots for the group's encrypted servers, ""
	// for none.
	CAFile string
	// CaseRandomization has the letter case of names chosen at random towards udp servers
	// (draft-vixie-dnsext-dns0x20).
	CaseRandomization bool
}

// Server is one server of an upstream group.
type Server struct {
	// URL is as the file has it: udp://host[:port], tcp://host[:port], tls://host[:port],
	// quic://host[:port], https://host[:port]/path[?query] or h3://host[:port]/path[?query].
	// Without a port it means the scheme's: 53, 53, 853, 853, 443, 443. Scheme and host letter
	// case are the file's. "system" stands for the host's own servers. A DNS stamp in the file, sdns://…, is what it stands for here.
	URL string
	// Addresses are where a host name is, in order of preference: one at least, unless there
	// is a Bootstrap; none if the host is an address.
	Addresses []netip.Addr
	// Pins are the keys that an encrypted server may have, "sha256/" and the base64 form of
	// the SHA-256 of a SubjectPublicKeyInfo (RFC 7858 section 4.2), or those of stamps; none:
	// any key that a certificate vouches for.
	Pins []string
	// Method is "post", "get" or "", the same as "post"; "" for what is not asked over HTTP.
	Method string
}

// Bootstrap is [bootstrap] in the file: how servers that are given by name are found.
type Bootstrap struct {
	// Servers are asked for addresses, in order of preference. Each of them is given by an
	// address, or has Addresses. Empty: none, and every server by name has Addresses.
	Servers []Server
	// File is where the last good addresses are kept, "" for nowhere.
	File string
}

// Cache is [cache] in the file.
type Cache struct {
	// MaxBytes bounds the cached messages in all, at least 1 MiB.
	MaxBytes int64
	// StaleFor is how long after its end of life an answer may still be served while no
	// upstream can be reached (RFC 8767); 0 turns that off.
	StaleFor time.Duration
	// Snapshot is the path of the file that keeps the answers from one run to the next, ""
	// for none. It needs StaleFor.
	Snapshot string
}

// Metrics is [metrics] in the file.
type Metrics struct {
	// Listen is address:port on the host, or :port for all its addresses; "" for none. The
	// virtual addresses serve metrics in any case.
	Listen string
}

// Which queries are logged.
const (
	LogNone    = "none"
	LogBlocked = "blocked"
	LogAll     = "all"
)

// Log is [log] in the file.
type Log struct {
	// Queries is LogNone, LogBlocked for those that policy blocks or rewrites, or LogAll.
	Queries string
}

// defaultGroup is the name of the client group that takes the rest.
const defaultGroup = "default"

// Default returns the built-in configuration, a new copy with each call.
func Default() *Config {
	addrs := func(texts ...string) []netip.Addr {
		list := make([]netip.Addr, len(texts))
		for i, text := range texts {
			list[i] = netip.MustParseAddr(text)
		}
		return list
	}
	return &Config{
		Mode: ModeDNS,
		TUN: TUN{
			Name: "tundns0",
			// WireGuard's own default: 1500 less 80 of overhead over IPv6.
			MTU: 1420,
			Addresses: []netip.Prefix{
				netip.MustParsePrefix("10.30.30.1/32"),
				netip.MustParsePrefix("fd30:30:30::1/128"),
			},
		},
		DNS: DNS{Addresses: addrs("10.30.30.30", "fd30:30:30::30"), ClientSubnet: SubnetStrip, Canaries: true},
		// Two providers, so that one outage or one blocked address is not the end of DNS.
		// Encrypted first; the plain servers answer where port 443 or TLS is broken.
		Upstreams: []Upstream{{
			Name: "default",
			Servers: []Server{
				{URL: "https://dns.quad9.net/dns-query", Addresses: addrs("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9")},
				{URL: "https://cloudflare-dns.com/dns-query", Addresses: addrs("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001")},
				{URL: "udp://9.9.9.9"},
				{URL: "udp://1.1.1.1"},
			},
			Strategy: "failover",
			Via:      "direct",
		}},
		Cache: Cache{
			MaxBytes: 64 << 20,
			// The lower end of the 1 to 3 days of RFC 8767 section 5.
			StaleFor: 24 * time.Hour,
		},
		Groups: []Group{{Name: defaultGroup, BlockWith: "null"}},
		Log:    Log{Queries: LogNone},
	}
}

// Load reads and parses the file at path. What is wrong in the file comes back as
// [Errors]; a file that cannot be read gives an [*os.PathError] in the chain.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Validate checks what a command line may still change after Load or Parse: that Mode and
// WireGuard.Config belong together. The error is of type [Errors]; its place is that of
// the key in the file, or the file's beginning where the file does not have the key.
func (c *Config) Validate() error {
	fail := func(key, message string) error {
		return Errors{c.Errorf(c.given[key], "%s", message)}
	}
	switch {
	case c.Mode != ModeDNS && c.Mode != ModeClient:
		return fail("mode", fmt.Sprintf("mode %s is not known; use \"dns\" or \"client\"", quote(string(c.Mode))))
	case c.Mode == ModeClient && c.WireGuard.Config == "":
		return fail("mode", `mode "client" needs a wg-quick file: add [wireguard] with config = "wg0.conf", or start with --wg wg0.conf`)
	case c.Mode != ModeClient && c.WireGuard.Config != "":
		return fail("wireguard.config", `a WireGuard configuration is used in mode "client" only; set mode = "client", or remove it`)
	}
	return nil
}

// IsSet reports whether the file sets the key of a table, such as "mode" or "tun.mtu", be
// it to the default. Keys inside of [[upstream]], [[list]], [[group]] and [[test]] are not known to it.
func (c *Config) IsSet(key string) bool {
	_, ok := c.given[key]
	return ok
}

// StarterList reports whether the compiled-in starter list is to be used, for the one
// group "default": while the file names no list and no client group.
func (c *Config) StarterList() bool { return len(c.Lists) == 0 && !c.groups }
