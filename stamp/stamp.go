// Package stamp reads DNS stamps: sdns:// URLs that hold in one word where a
// resolver is, how it is asked and by which certificates it is known
// (https://dnscrypt.info/stamps-specifications). It knows those for plain DNS,
// DNS over HTTPS, TLS and QUIC, and says of others what they are.
package stamp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Prefix is what a stamp begins with.
const Prefix = "sdns://"

// HashPrefix marks a certificate hash among Stamp.Pins.
const HashPrefix = "cert-sha256/"

// Stamp is what a stamp says. What it says of the resolver's habits (no logs, no
// filter, DNSSEC) is left out, since nobody can check it, and so are the resolvers
// that it recommends for finding the address.
type Stamp struct {
	// URL is the resolver's: udp://, https://, tls:// or quic://, with a port
	// unless it is the usual one.
	URL string
	// Addresses has the address of a host that URL names. It is empty when the
	// stamp has none, or URL has the address.
	Addresses []netip.Addr
	// Pins are of the certificates of which one must be in the chain, each
	// HashPrefix and the base64 form of the SHA-256 of its TBSCertificate.
	Pins []string
}

// protocols are the kinds of stamps by their first byte. Those without a scheme
// are known by name only.
var protocols = map[byte]struct {
	name   string
	scheme string
	port   uint16
}{
	0x00: {"plain DNS", "udp", 53},
	0x01: {name: "DNSCrypt"},
	0x02: {"DNS over HTTPS", "https", 443},
	0x03: {"DNS over TLS", "tls", 853},
	0x04: {"DNS over QUIC", "quic", 853},
	0x05: {name: "Oblivious DNS over HTTPS"},
	0x81: {name: "a DNSCrypt relay"},
	0x85: {name: "an Oblivious DNS over HTTPS relay"},
}

const (
	propertiesLen = 8  // bytes of flags
	hashLen       = 32 // SHA-256
)

var errShort = errors.New("stamp ends too early")

// Parse reads a stamp. It panics on no input; errors say what is wrong with it.
func Parse(text string) (Stamp, error) {
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Stamp{}, fmt.Errorf("a stamp begins with %s", Prefix)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || strings.ContainsAny(body, "\r\n") {
		return Stamp{}, errors.New("stamp is not in base64url without padding")
	}
	if len(data) == 0 {
		return Stamp{}, errShort
	}
	p, known := protocols[data[0]]
	switch {
	case !known:
		return Stamp{}, fmt.Errorf("stamp is of the unknown kind %#02x", data[0])
	case p.scheme == "":
		return Stamp{}, fmt.Errorf("stamp is for %s, which is not supported; use one for DNS over HTTPS, TLS or QUIC", p.name)
	case len(data) < 1+propertiesLen:
		return Stamp{}, errShort
	}
	r := &reader{data: data[1+propertiesLen:]}
	addr := r.text()
	var hashes [][]byte
	var host, path string
	if p.scheme != "udp" {
		hashes, host = r.list(), r.text()
		if p.scheme == "https" {
			path = r.text()
		}
		if len(r.data) > 0 {
			r.list() // resolvers for finding the address
		}
	}
	switch {
	case r.short:
		return Stamp{}, errShort
	case len(r.data) > 0:
		return Stamp{}, errors.New("stamp goes on after its end")
	case p.scheme == "https" && !strings.HasPrefix(path, "/"):
		return Stamp{}, fmt.Errorf("stamp has the path %q, which does not begin with a slash", path)
	}
	s := Stamp{}
	for _, h := range hashes {
		if len(h) == 0 && len(hashes) == 1 {
			break // none
		}
		if len(h) != hashLen {
			return Stamp{}, fmt.Errorf("stamp has a certificate hash of %d bytes instead of %d", len(h), hashLen)
		}
		s.Pins = append(s.Pins, HashPrefix+base64.StdEncoding.EncodeToString(h))
	}
	return s, s.place(p.scheme, p.port, addr, host, path)
}

// place sets URL and Addresses from an address and a host, each with an optional
// port, of which one may be empty.
func (s *Stamp) place(scheme string, usual uint16, addr, host, path string) error {
	at, addrPort, err := split(addr)
	if err != nil {
		return err
	}
	name, hostPort, err := split(host)
	if err != nil {
		return err
	}
	ip, ipErr := netip.ParseAddr(at)
	port := hostPort
	switch {
	case at != "" && (ipErr != nil || ip.Zone() != ""):
		return fmt.Errorf("stamp has %q for an address", addr)
	case at == "" && name == "":
		return errors.New("stamp has neither an address nor a host name")
	case addrPort != 0 && hostPort != 0 && addrPort != hostPort:
		return fmt.Errorf("stamp has two ports, %d and %d", addrPort, hostPort)
	case hostPort == 0:
		port = addrPort
	}
	switch host, err := netip.ParseAddr(name); {
	case err == nil && host.Zone() != "":
		return fmt.Errorf("stamp has the host %q: an address with a zone means something on one machine alone", name)
	case name == "" || name == at:
		name = at
	case err == nil && at != "":
		return fmt.Errorf("stamp has two addresses, %s and %s", at, name)
	case err == nil: // by address alone
	case strings.Trim(name, hostBytes) != "":
		return fmt.Errorf("stamp has the host %q, which is no name", name)
	case at != "":
		s.Addresses = []netip.Addr{ip}
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	s.URL = scheme + "://" + name
	if port != 0 && port != usual {
		s.URL += ":" + strconv.Itoa(int(port))
	}
	s.URL += path
	return nil
}

const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// split takes the port off "host", "host:port", "[v6]", "[v6]:port" or ":port". It
// is 0 without one.
func split(text string) (host string, port uint16, err error) {
	host = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 && (strings.Count(text, ":") == 1 || strings.HasSuffix(text[:i], "]")) {
		n, err := strconv.ParseUint(text[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, fmt.Errorf("stamp has no port in %q", text)
		}
		host, port = text[:i], uint16(n)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(host, ":") {
			return "", 0, fmt.Errorf("stamp has %q for a host", text)
		}
	}
	return host, port, nil
}

// reader reads length-prefixed strings. After the end of data all are empty, and
// short is set.
type reader struct {
	data  []byte
	short bool
}

// text reads a string behind its length in one byte.
func (r *reader) text() string { return string(r.take(0xFF)) }

// list reads strings behind their lengths; the upper bit of a length says that
// there is another one.
func (r *reader) list() (items [][]byte) {
	for more := true; more && !r.short; {
		more = len(r.data) > 0 && r.data[0]&0x80 != 0
		items = append(items, slices.Clone(r.take(0x7F)))
	}
	return items
}

func (r *reader) take(mask byte) []byte {
	if len(r.data) == 0 {
		r.short = true
		return nil
	}
	n := 1 + int(r.data[0]&mask)
	if n > len(r.data) {
		r.short, r.data = true, nil
		return nil
	}
	b := r.data[1:n]
	r.data = r.data[n:]
	return b
}
