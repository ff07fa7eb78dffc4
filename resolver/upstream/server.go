package upstream

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"tundns/dnswire"
	"tundns/stamp"
)

// Server says where a server is and how to reach it.
type Server struct {
	// URL is udp://HOST, tcp://HOST, tls://HOST, quic://HOST, https://HOST/PATH or,
	// for HTTP/3 where that gets through and HTTP/2 elsewhere, h3://HOST/PATH, each
	// with an optional port. Without one it is 53 (RFC 1035 section 4.2), 853 for
	// tls (RFC 7858 section 3.1) and quic (RFC 9250 section 4.1.1), or 443 for https
	// and h3 (RFC 8484). A DNS stamp, sdns://…, stands for one of these with the
	// addresses and pins that it has. "system" stands for the servers that the host
	// itself is set up with, over UDP: the first three in /etc/resolv.conf that are
	// not in Own, whatever they are at the time.
	URL string

	// Addresses are where the server is when the URL's host is a name, in the
	// order in which they are tried. They must be empty when it is an address, and
	// may be when there is a Bootstrap.
	Addresses []netip.Addr

	// Bootstrap finds the addresses of a host that is a name when there are none,
	// or those have failed. nil: none. The Transport does not close it.
	Bootstrap *Bootstrap

	// Pins are the keys that an encrypted server may have, each "sha256/" and the
	// base64 form of the SHA-256 of a SubjectPublicKeyInfo (RFC 7858 section
	// 4.2). When there are any, one must be that of the server or of an authority
	// above it, beside what is demanded of the certificate of a server by name.
	// A server by address needs no other proof then. "cert-sha256/" instead is for
	// the hash of a whole TBSCertificate, as DNS stamps have it.
	Pins []string

	// Method is how an https or h3 server is asked (RFC 8484 section 4.1): "post",
	// which "" stands for too, or "get", which HTTP caches on the way may answer.
	Method string

	// RandomCase has the letter case of names chosen at random towards a udp
	// server, whose replies must repeat it (draft-vixie-dnsext-dns0x20). Others are
	// safe from forgery without it.
	RandomCase bool

	// Own are addresses of this program's: it does not ask itself.
	Own []netip.Addr
}

// system is the URL that stands for the host's own servers.
const system = "system"

// schemes are what a URL may begin with.
var schemes = map[string]struct {
	port      uint16 // when the URL has none
	encrypted bool
	path      bool // the URL has one
}{
	"udp":   {port: 53},
	"tcp":   {port: 53},
	"tls":   {port: 853, encrypted: true},
	"quic":  {port: 853, encrypted: true},
	"https": {port: 443, encrypted: true, path: true},
	"h3":    {port: 443, encrypted: true, path: true},
}

const useSchemes = "use udp://, tcp://, tls://, quic://, https://, h3:// or sdns://"

// NewTransport returns the transport that s names. No connection is made before
// the first exchange. roots are the certificate authorities trusted to name an
// encrypted server, nil for the system's. Errors say what to write instead.
func NewTransport(s Server, roots *x509.CertPool) (Transport, error) {
	t, err := parseServer(s)
	if err != nil {
		return nil, fmt.Errorf("upstream %q: %w", s.URL, err)
	}
	t.roots = roots
	switch t.scheme {
	case "udp", system:
		return newUDP(t), nil
	case "tcp":
		return newTCP(t), nil
	case "tls":
		return padded{newTCP(t)}, nil
	case "quic":
		return padded{newDoQ(t)}, nil
	case "h3":
		return padded{newH3(t)}, nil
	default:
		return padded{newHTTPS(t)}, nil
	}
}

// target is a checked Server.
type target struct {
	scheme string
	host   string // name or address as in the URL, for TLS and HTTP
	place  *place
	url    *url.URL // of HTTP requests
	label  string

	roots *x509.CertPool
	pins  []pin
	get   bool // over HTTP

	randomCase bool
}

func parseServer(s Server) (*target, error) {
	if s.URL == system {
		return systemTarget(s)
	}
	if strings.HasPrefix(s.URL, stamp.Prefix) {
		st, err := stamp.Parse(s.URL)
		switch {
		case err != nil:
			return nil, err
		case len(s.Pins) > 0:
			return nil, fmt.Errorf("a stamp has pins of its own; leave them out")
		case len(st.Addresses) > 0 && len(s.Addresses) > 0:
			return nil, fmt.Errorf("the stamp has an address already; leave addresses out")
		case len(st.Addresses) > 0:
			s.Addresses = st.Addresses
		}
		s.URL, s.Pins = st.URL, st.Pins
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		if !strings.Contains(s.URL, "://") {
			return nil, noScheme(s.URL)
		}
		return nil, fmt.Errorf("not a URL: %w", unwrapURL(err))
	}
	t := &target{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), place: new(place), url: u, randomCase: s.RandomCase}
	kind, known := schemes[t.scheme]
	switch {
	case t.scheme == "":
		return nil, noScheme(s.URL)
	case !known:
		return nil, fmt.Errorf("scheme %q is not supported; %s", u.Scheme, useSchemes)
	case !kind.path && (strings.Trim(u.Path, "/") != "" || u.RawQuery != ""):
		return nil, fmt.Errorf("a path belongs to https:// only; write %s://%s", t.scheme, u.Host)
	case kind.path && strings.ContainsAny(s.URL, "{}"):
		return nil, fmt.Errorf("write the URL without its {…} template")
	case kind.path && u.Path == "":
		return nil, fmt.Errorf("no path; most servers use %s://%s/dns-query", t.scheme, u.Host)
	case !kind.encrypted && len(s.Pins) > 0:
		return nil, fmt.Errorf("pins are for encrypted servers; leave them out")
	case !kind.path && s.Method != "":
		return nil, fmt.Errorf("a method is for https:// and h3://; leave it out")
	case s.Method != "" && s.Method != "post" && s.Method != "get":
		return nil, fmt.Errorf(`method %q is neither "post" nor "get"`, s.Method)
	}
	t.get = s.Method == "get"
	if t.pins, err = parsePins(s.Pins); err != nil {
		return nil, err
	}
	port := kind.port
	if u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("user names and fragments are not supported")
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("port %s is not one of 1 to 65535", p)
		}
		port = uint16(n)
	} else if strings.HasSuffix(u.Host, ":") {
		return nil, fmt.Errorf("nothing after the colon; write a port or leave it out")
	}
	if err := t.setAddresses(s, port); err != nil {
		return nil, err
	}
	// The query string may hold a secret; labels end up in logs and metrics.
	t.label = t.scheme + "://" + u.Host
	if kind.path {
		t.label += u.EscapedPath()
	}
	return t, nil
}

func noScheme(text string) error {
	return fmt.Errorf("no scheme; write udp://%s, tcp://…, tls://…, quic://… or https://…", text)
}

func (t *target) setAddresses(s Server, port uint16) error {
	addrs := s.Addresses
	if t.host == "" {
		return fmt.Errorf("no host")
	}
	if a, err := netip.ParseAddr(t.host); err == nil {
		if len(addrs) != 0 {
			return fmt.Errorf("the host is an address already; leave addresses out")
		}
		addrs = []netip.Addr{a}
	} else if s.Bootstrap != nil {
		name, err := dnswire.ParseName(t.host)
		if err != nil {
			return err
		}
		t.place.find = func(ctx context.Context) (at []netip.AddrPort, err error) {
			found, err := s.Bootstrap.Find(ctx, name)
			for _, a := range found {
				at = append(at, netip.AddrPortFrom(a, port))
			}
			return at, err
		}
	} else if len(addrs) == 0 {
		return fmt.Errorf("the host is a name; say where it is with addresses = [\"…\"]")
	}
	for _, a := range addrs {
		a = a.Unmap()
		if !isServerAddr(a) {
			return fmt.Errorf("%v is not the address of a server", a)
		}
		t.place.pinned = append(t.place.pinned, netip.AddrPortFrom(a, port))
	}
	return nil
}

// systemTarget is where the host's own servers are.
func systemTarget(s Server) (*target, error) {
	switch {
	case resolvConf == "":
		return nil, fmt.Errorf("this operating system has no resolv.conf; name the servers")
	case len(s.Addresses)+len(s.Pins) > 0 || s.Method != "":
		return nil, fmt.Errorf("the host knows its servers; leave addresses, pins and method out")
	}
	h := &hostServers{path: resolvConf, own: s.Own}
	return &target{scheme: system, place: &place{find: h.find}, label: system, randomCase: s.RandomCase}, nil
}

// byAddress reports whether the URL names the server by an address.
func (t *target) byAddress() bool {
	_, err := netip.ParseAddr(t.host)
	return err == nil
}

// unwrapURL takes off the part of url.Parse's error that repeats the URL.
func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
