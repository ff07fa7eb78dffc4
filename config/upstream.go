package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// upstreams decodes [[upstream]], which replaces the built-in servers.
func (d *decoder) upstreams(n *node) {
	tables := d.tables(n)
	if n.kind == unstable.Array && len(tables) == 0 {
		d.fail(n.at, "upstream is empty; name an upstream group with servers, or leave upstream out")
		return
	}
	for i, t := range tables {
		if i > 0 {
			d.fail(t.at, "a second upstream group is not supported in this version; put all servers into the first one, in order of preference")
			continue
		}
		d.conf.Upstreams = []Upstream{d.upstream(t)}
	}
}

func (d *decoder) upstream(t *node) Upstream {
	u := Default().Upstreams[0]
	u.Servers = nil
	servers, caFile := false, t
	d.table(t, "an upstream group",
		field{"name", func(n *node) {
			if text, ok := d.label(n); ok {
				u.Name = text
			}
		}},
		field{"domains", func(n *node) {
			if items, ok := d.list(n, "domains"); ok && len(items) > 0 {
				d.fail(n.at, "domains is not supported in this version; remove it, and this upstream group answers for all names")
			}
		}},
		field{"servers", func(n *node) {
			servers = true
			u.Servers = d.serverList(n)
		}},
		field{"strategy", func(n *node) { d.choice(n, []string{"failover"}, "fastest") }},
		field{"via", func(n *node) { d.choice(n, []string{"direct"}, "tunnel") }},
		field{"ca_file", func(n *node) {
			caFile = n
			d.path(n, &u.CAFile)
		}},
	)
	if t.kind == unstable.Table && !servers {
		d.fail(t.at, `this upstream group has no servers; add: servers = ["udp://192.0.2.1"]`)
	}
	https := slices.ContainsFunc(u.Servers, func(s Server) bool { return strings.HasPrefix(strings.ToLower(s.URL), "https:") })
	if u.CAFile != "" && len(u.Servers) > 0 && !https {
		d.fail(caFile.at, "ca_file is for https servers, and this upstream group has none; remove it")
	}
	return u
}

// serverList decodes the array of servers: each one is a URL, or a table with url and addresses.
func (d *decoder) serverList(n *node) []Server {
	items, ok := d.list(n, "servers")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		d.fail(n.at, `servers is empty; name at least one, like "udp://192.0.2.1"`)
	}
	var servers []Server
	seen := map[string]bool{}
	d.serverAt = nil
	for _, item := range items {
		s, at, ok := d.server(item)
		switch {
		case !ok:
		case seen[s.URL]:
			d.fail(at, "server %s is given twice", quote(s.URL))
		default:
			seen[s.URL] = true
			servers = append(servers, s)
			d.serverAt = append(d.serverAt, at)
		}
	}
	return servers
}

// server decodes one server; at is the place of its URL.
func (d *decoder) server(n *node) (s Server, at int, ok bool) {
	where := n
	if n.kind == unstable.Table {
		where = nil
		var addresses *node
		d.table(n, "a server",
			field{"url", func(n *node) { where = n }},
			field{"addresses", func(n *node) { addresses = n }},
		)
		if where == nil {
			d.fail(n.at, `this server has no url; add: url = "https://192.0.2.1/dns-query"`)
			return Server{}, 0, false
		}
		if addresses != nil {
			if s.Addresses, ok = d.bootstrap(addresses); !ok {
				return Server{}, 0, false
			}
		}
	}
	if where.kind != unstable.String {
		d.fail(where.at, "a server must be a URL in quotes or a table with url and addresses, not %s", kindName(where.kind))
		return Server{}, 0, false
	}
	s.URL = where.text
	if why := s.wrong(); why != "" {
		d.fail(where.at, "server %s %s", quote(s.URL), why)
		return Server{}, 0, false
	}
	return s, where.at, true
}

// bootstrap decodes the addresses of a server whose URL has a name.
func (d *decoder) bootstrap(n *node) ([]netip.Addr, bool) {
	items, ok := d.list(n, "addresses")
	var addrs []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, item := range items {
		text, isText := d.item(item, "an address")
		if !isText {
			ok = false
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
			continue
		}
		ok = false
	}
	return addrs, ok
}

// wrong says what is wrong with a server, "" if nothing is.
func (s Server) wrong() string {
	if !strings.Contains(s.URL, "://") {
		if isAddr(s.URL) && strings.Contains(s.URL, ":") {
			return `has no scheme; write "udp://[` + s.URL + `]"`
		}
		if _, err := netip.ParseAddrPort(s.URL); err == nil || isAddr(s.URL) {
			return `has no scheme; write "udp://` + s.URL + `"`
		}
		return "has no scheme; it begins with udp://, tcp:// or https://"
	}
	if scheme, host, _ := strings.Cut(s.URL, "://"); isAddr(host) && strings.Contains(host, ":") {
		return `has an IPv6 address without brackets; write "` + scheme + `://[` + host + `]"`
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "is not a URL, like udp://192.0.2.1, tcp://[2001:db8::1]:53 or https://dns.example/dns-query"
	}
	switch u.Scheme {
	case "udp", "tcp", "https":
	case "tls", "dot", "quic", "doq", "h3", "sdns":
		return "has a scheme that is not supported in this version; use udp, tcp or https"
	default:
		return "has an unknown scheme; use udp, tcp or https"
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
	case u.Scheme != "https" && (u.Path != "" || u.RawQuery != "" || u.ForceQuery):
		return "must end after the host and port; a path is for https"
	case u.Scheme == "https" && strings.ContainsAny(s.URL, "{}"):
		return "is a template; tundns sends POST, so remove the part in braces"
	case u.Scheme == "https" && strings.Trim(u.Path, "/") == "":
		return "has no path; most servers have /dns-query"
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
	if len(s.Addresses) == 0 {
		return `has a name for a host, and tundns cannot ask itself for its address; a bootstrap address is needed: { url = "` + s.URL + `", addresses = ["192.0.2.1"] } with the server's own`
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
