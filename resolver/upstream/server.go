package upstream

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Server says where a server is and how to reach it.
type Server struct {
	// URL is udp://ADDRESS, tcp://ADDRESS or https://HOST/PATH, each with an
	// optional port. The ports are 53 (RFC 1035 section 4.2) and 443
	// (RFC 8484) when none is given.
	URL string

	// Addresses are where the server is when the URL's host is a name, in the
	// order in which they are tried. They must be empty when it is an address.
	Addresses []netip.Addr
}

// NewTransport returns the transport that s names. No connection is made before
// the first exchange. roots are the certificate authorities trusted to name an
// https server, nil for the system's. Errors say what to write instead.
func NewTransport(s Server, roots *x509.CertPool) (Transport, error) {
	t, err := parseServer(s)
	if err != nil {
		return nil, fmt.Errorf("upstream %q: %w", s.URL, err)
	}
	switch t.scheme {
	case "udp":
		return newUDP(t), nil
	case "tcp":
		return newTCP(t), nil
	default:
		return newHTTPS(t, roots), nil
	}
}

// target is a checked Server.
type target struct {
	scheme string
	host   string           // name or address as in the URL, for TLS and HTTP
	addrs  []netip.AddrPort // never empty
	url    *url.URL         // https only
	label  string
}

func parseServer(s Server) (*target, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		if !strings.Contains(s.URL, "://") {
			return nil, fmt.Errorf("no scheme; write udp://%s, tcp://… or https://…", s.URL)
		}
		return nil, fmt.Errorf("not a URL: %w", unwrapURL(err))
	}
	t := &target{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), url: u}
	port := uint16(53)
	switch t.scheme {
	case "udp", "tcp":
		if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("a path belongs to https:// only; write %s://%s", t.scheme, u.Host)
		}
	case "https":
		port = 443
		if strings.ContainsAny(s.URL, "{}") {
			return nil, fmt.Errorf("write the URL without its {…} template")
		}
		if u.Path == "" {
			return nil, fmt.Errorf("no path; most servers use https://%s/dns-query", u.Host)
		}
	case "":
		return nil, fmt.Errorf("no scheme; write udp://%s, tcp://… or https://…", s.URL)
	default:
		return nil, fmt.Errorf("scheme %q is not supported; use udp://, tcp:// or https://", u.Scheme)
	}
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
	if err := t.setAddresses(s.Addresses, port); err != nil {
		return nil, err
	}
	// The query string may hold a secret; labels end up in logs and metrics.
	t.label = t.scheme + "://" + u.Host
	if t.scheme == "https" {
		t.label += u.EscapedPath()
	}
	return t, nil
}

func (t *target) setAddresses(addrs []netip.Addr, port uint16) error {
	if t.host == "" {
		return fmt.Errorf("no host")
	}
	if a, err := netip.ParseAddr(t.host); err == nil {
		if len(addrs) != 0 {
			return fmt.Errorf("the host is an address already; leave addresses out")
		}
		addrs = []netip.Addr{a}
	} else if len(addrs) == 0 {
		return fmt.Errorf("the host is a name; say where it is with addresses = [\"…\"]")
	}
	for _, a := range addrs {
		a = a.Unmap()
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return fmt.Errorf("%v is not the address of a server", a)
		}
		t.addrs = append(t.addrs, netip.AddrPortFrom(a, port))
	}
	return nil
}

// unwrapURL takes off the part of url.Parse's error that repeats the URL.
func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
