// Package wgquick reads wg-quick(8) configuration files, the ones that WireGuard
// providers hand out as wg0.conf.
//
// The format is that of wg(8) and wg-quick(8): sections [Interface] and [Peer] (the
// latter any number of times), "Key = value" lines, '#' comments, names without regard
// to letter case. Everything in a file is either understood or refused: a key that asks
// for something this version does not do (hooks, system DNS, full-tunnel routing,
// routing tables, firewall marks) is an error that says so, never skipped in silence.
// Such a key is accepted where its value asks for what happens anyway, for example
// "Table = auto".
//
// No error, warning or formatted value of this package shows key material: see [Key].
package wgquick

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// maxFileSize is in bytes. A peer takes about 300, so this is some 3,000 peers; the bound
// keeps a mistaken path (a disk image, a device) from being read to its end.
const maxFileSize = 1 << 20

// Config is one wg-quick file. The zero value has no meaning; use [Load] or [Parse].
// The caller owns it and what it points to. Concurrent reads are safe.
type Config struct {
	// File is the name given to Load or Parse.
	File string
	// PrivateKey is never zero in a parsed Config.
	PrivateKey Key
	// Addresses are the interface's own, host bits kept, /32 or /128 where the file gives no
	// length. None is there twice; there may be none.
	Addresses []netip.Prefix
	// MTU is in bytes; 0 when the file does not say.
	MTU int
	// ListenPort is the UDP port; 0 lets the system choose.
	ListenPort int
	// Peers are in the file's order.
	Peers []Peer
	// Warnings are complete lines about what is allowed yet dangerous, such as a file that
	// other users can read. Only Load fills them.
	Warnings []string
}

// Peer is one [Peer] section.
type Peer struct {
	// PublicKey is never zero and differs from that of every other peer.
	PublicKey Key
	// PresharedKey is the zero Key when there is none.
	PresharedKey Key
	// Endpoint is the zero Endpoint when the peer is to come to us.
	Endpoint Endpoint
	// AllowedIPs are masked. No prefix is there twice in the whole file, none has length 0,
	// and those of one family do not make up the whole family by two halves.
	AllowedIPs []netip.Prefix
	// PersistentKeepalive is in seconds; 0 is off.
	PersistentKeepalive int
	// Line is the number of the [Peer] line, from 1, for messages about this peer.
	Line int
}

// Endpoint is where a peer is reached.
type Endpoint struct {
	// Host is an IP address (without brackets) or a host name that is still to be resolved.
	Host string
	// Port is never 0 in a parsed Config, except in the zero Endpoint.
	Port uint16
}

// IsZero reports whether e is the zero Endpoint.
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// Addr returns the host as an address, and false when it is a name.
func (e Endpoint) Addr() (netip.Addr, bool) {
	addr, err := netip.ParseAddr(e.Host)
	return addr, err == nil
}

// String returns "host:port", an IPv6 host in brackets, as [net.JoinHostPort] does.
func (e Endpoint) String() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// Load reads and parses the file at path. What is wrong in the file comes back as
// [Errors]; a file that cannot be read gives an [*os.PathError] in the chain.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read WireGuard configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read WireGuard configuration: %w", err)
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read WireGuard configuration: %w", err)
	}
	if w := accessWarning(path, info.Mode()); w != "" {
		c.Warnings = append(c.Warnings, w)
	}
	return c, nil
}
