package config

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"tundns/stamp"
)

// bootstrap decodes [bootstrap].
func (d *decoder) bootstrap(n *node) {
	b := &d.conf.Bootstrap
	file := n
	d.table(n, "[bootstrap]",
		field{"servers", func(n *node) {
			if items, ok := d.list(n, "servers"); ok {
				b.Servers, d.bootstrapAt = d.servers(items)
			}
		}},
		field{"file", func(n *node) {
			file = n
			d.path(n, &b.File)
		}},
	)
	for i, s := range b.Servers {
		if s.URL == system {
			d.fail(d.bootstrapAt[i], "the host's own servers may be tundns itself one day; name other ones by their addresses")
		}
	}
	if b.File != "" && len(b.Servers) == 0 && n.get("servers") == nil {
		d.fail(file.at, "file is where servers of [bootstrap] keep what they say; add: servers = [\"udp://192.0.2.1\"]")
	}
}

// serverList decodes the servers of an upstream group.
func (d *decoder) serverList(n *node) []Server {
	items, ok := d.list(n, "servers")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		d.fail(n.at, `servers is empty; name at least one, like "udp://192.0.2.1"`)
	}
	servers, places := d.servers(items)
	d.serverAt[len(d.serverAt)-1] = places
	return servers
}

// servers decodes servers, each one a URL, or a table with url and more, and the places
// of their URLs.
func (d *decoder) servers(items []*node) (servers []Server, places []int) {
	seen := map[string]bool{}
	for _, item := range items {
		s, at, ok := d.server(item)
		switch {
		case !ok:
		case seen[s.URL]:
			d.fail(at, "server %s is given twice", quote(s.URL))
		default:
			seen[s.URL] = true
			servers = append(servers, s)
			places = append(places, at)
		}
	}
	return servers, places
}

// server decodes one server; at is the place of its URL.
func (d *decoder) server(n *node) (s Server, at int, ok bool) {
	where := n
	problems := len(d.problems)
	if n.kind == unstable.Table {
		where = nil
		d.table(n, "a server",
			field{"url", func(n *node) { where = n }},
			field{"addresses", func(n *node) { s.Addresses = d.serverAddresses(n) }},
			field{"pins", func(n *node) { s.Pins = d.pins(n) }},
			field{"method", func(n *node) { s.Method, _ = d.choice(n, []string{"post", "get"}) }},
		)
		if where == nil {
			d.fail(n.at, `this server has no url; add: url = "https://192.0.2.1/dns-query"`)
			return Server{}, 0, false
		}
	}
	if where.kind != unstable.String {
		d.fail(where.at, "a server must be a URL in quotes or a table with url and addresses, not %s", kindName(where.kind))
		return Server{}, 0, false
	}
	if len(d.problems) > problems {
		return Server{}, 0, false
	}
	s.URL = where.text
	if strings.HasPrefix(s.URL, stamp.Prefix) {
		if err := s.unstamp(); err != nil {
			d.fail(where.at, "%v", err)
			return Server{}, 0, false
		}
	}
	if why := s.wrong(); why != "" {
		d.fail(where.at, "server %s %s", quote(s.URL), why)
		return Server{}, 0, false
	}
	return s, where.at, true
}

// unstamp replaces a DNS stamp by what it stands for.
func (s *Server) unstamp() error {
	st, err := stamp.Parse(s.URL)
	switch {
	case err != nil:
		return err
	case len(s.Pins) > 0:
		return errors.New("a stamp has pins of its own; remove pins")
	case len(st.Addresses) > 0 && len(s.Addresses) > 0:
		return errors.New("the stamp has an address already; remove addresses")
	case len(st.Addresses) > 0:
		s.Addresses = st.Addresses
	}
	s.URL, s.Pins = st.URL, st.Pins
	return nil
}

// pins decodes the keys that a server may have.
func (d *decoder) pins(n *node) (pins []string) {
	items, ok := d.list(n, "pins")
	if ok && len(items) == 0 {
		d.fail(n.at, "pins is empty; name a key, or leave pins out")
	}
	for _, item := range items {
		text, ok := d.item(item, "a pin")
		if !ok {
			continue
		}
		digest, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(text, "sha256/"))
		if err != nil || len(digest) != 32 || len(text) != len("sha256/")+44 {
			d.fail(item.at, "pin %s is not sha256/ and 44 characters: the base64 form of a public key's SHA-256", quote(text))
			continue
		}
		pins = append(pins, text)
	}
	return pins
}

// serverAddresses decodes the addresses of a server whose URL has a name.
func (d *decoder) serverAddresses(n *node) (addrs []netip.Addr) {
	items, _ := d.list(n, "addresses")
	seen := map[netip.Addr]bool{}
	for _, item := range items {
		text, isText := d.item(item, "an address")
		if !isText {
			continue
		}
		a, err := netip.ParseAddr(text)
		why := unusable(a)
		switch {
		case err != nil:
			d.fail(item.at, "%s is not an address, like 192.0.2.1 or 2001:db8::1", quote(text))
		case why != "":
			d.fail(item.at, "%s %s", a, why)
		case seen[a]:
			d.fail(item.at, "%s is given twice", a)
		default:
			seen[a] = true
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// schemes are what a server's URL may begin with.
var schemes = map[string]struct{ encrypted, path bool }{
	"udp":   {},
	"tcp":   {},
	"tls":   {encrypted: true},
	"quic":  {encrypted: true},
	"https": {encrypted: true, path: true},
	"h3":    {encrypted: true, path: true},
}

const useSchemes = "use udp, tcp, tls, quic, https, h3 or sdns, or \"system\" for the host's own servers"

// encrypted reports whether a valid server has a certificate.
func (s Server) encrypted() bool {
	scheme, _, _ := strings.Cut(s.URL, "://")
	return schemes[strings.ToLower(scheme)].encrypted
}

// system is in place of a URL: the servers that the host itself is set up with.
const system = "system"

// datagrams reports whether a valid server is asked over plain UDP.
func (s Server) datagrams() bool {
	if s.URL == system {
		return true
	}
	scheme, _, _ := strings.Cut(s.URL, "://")
	return strings.ToLower(scheme) == "udp"
}

// wrong says what is wrong with a server, "" if nothing is.
func (s Server) wrong() string {
	if s.URL == system {
		if len(s.Addresses)+len(s.Pins) > 0 || s.Method != "" {
			return "is what the host says; remove addresses, pins and method"
		}
		return ""
	}
	if !strings.Contains(s.URL, "://") {
		if isAddr(s.URL) && strings.Contains(s.URL, ":") {
			return `has no scheme; write "udp://[` + s.URL + `]"`
		}
		if _, err := netip.ParseAddrPort(s.URL); err == nil || isAddr(s.URL) {
			return `has no scheme; write "udp://` + s.URL + `"`
		}
		return "has no scheme; it begins with udp://, tcp://, tls://, quic://, https://, h3:// or sdns://"
	}
	if scheme, host, _ := strings.Cut(s.URL, "://"); isAddr(host) && strings.Contains(host, ":") {
		return `has an IPv6 address without brackets; write "` + scheme + `://[` + host + `]"`
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "is not a URL, like udp://192.0.2.1, tcp://[2001:db8::1]:53 or https://dns.example/dns-query"
	}
	kind, known := schemes[u.Scheme]
	switch {
	case known:
	default:
		return "has an unknown scheme; " + useSchemes
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Host == "" || u.Hostname() == "":
		return "has no host"
	case u.User != nil:
		return "has a user name in it, which no server of this kind takes"
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0):
		return "has a port that is not 1 to 65535"
	case u.Fragment != "" || strings.HasSuffix(s.URL, "#"):
		return "has a fragment (#), which is never sent to a server"
	case !kind.path && (u.Path != "" || u.RawQuery != "" || u.ForceQuery):
		return "must end after the host and port; a path is for https"
	case kind.path && strings.ContainsAny(s.URL, "{}"):
		return "is a template; remove the part in braces, and choose with method = \"get\" or \"post\""
	case kind.path && strings.Trim(u.Path, "/") == "":
		return "has no path; most servers have /dns-query"
	case !kind.path && s.Method != "":
		return "is not asked over HTTP, so it has no method; remove it"
	case !kind.encrypted && len(s.Pins) > 0:
		return "is not encrypted, so it has no key to pin; remove pins"
	}
	return s.wrongHost(u.Hostname())
}

// wrongHost says what is wrong with host and Addresses together.
func (s Server) wrongHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		if why := unusable(a); why != "" {
			return "names a host that " + why
		}
		if len(s.Addresses) > 0 {
			return "has an address for a host already; remove addresses"
		}
		return ""
	}
	if !isName(host) {
		return "has a host that is neither an address nor a name"
	}
	return ""
}

// nowhere says that a valid server has no address, "" if it has one.
func (s Server) nowhere() string {
	if s.URL != system && len(s.Addresses) == 0 && !s.addr().IsValid() {
		return `has a name for a host, and tundns cannot ask itself for its address; a bootstrap address is needed: { url = "` + s.URL + `", addresses = ["192.0.2.1"] } with the server's own, or servers in [bootstrap] to ask for it`
	}
	return ""
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isName reports whether s is a host name by RFC 1123 section 2.1, with '_' allowed since
// such names exist, and not a mistyped IPv4 address.
func isName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.Trim(label, alphanumeric+"-_") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// addr returns the host of a valid server's URL if it is an address, else the zero Addr.
func (s Server) addr() netip.Addr {
	u, err := url.Parse(s.URL)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(u.Hostname())
	return a
}
