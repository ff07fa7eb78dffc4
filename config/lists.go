package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	// minRefresh keeps a list's publisher, who has thousands of readers, from being asked for
	// nothing: no list of today changes more often than once in an hour.
	minRefresh = 10 * time.Minute
	// maxRefresh is 30 days; a list that old lacks most of what it is for.
	maxRefresh = 30 * 24 * time.Hour
	// defaultRefresh is how often the large lists are published.
	defaultRefresh = 24 * time.Hour
)

// lists decodes [[list]].
func (d *decoder) lists(n *node) {
	seen := map[string]bool{}
	for _, t := range d.tables(n) {
		d.oneList(t, seen)
	}
}

// oneList decodes one list and appends it. seen holds the names so far.
func (d *decoder) oneList(t *node, seen map[string]bool) {
	l := List{Format: "auto", Action: "block", Subdomains: true}
	refresh := defaultRefresh
	// Places, -1 for what the list does not have.
	path, from, refreshed, subdomains := -1, -1, -1, -1
	named := false
	d.table(t, "a list",
		field{"name", func(n *node) {
			named = true
			text, ok := d.label(n)
			if ok && seen[text] {
				d.fail(n.at, "list %q is given twice; each has a name of its own", text)
			}
			seen[text] = true
			l.Name = text
		}},
		field{"path", func(n *node) {
			if d.path(n, &l.Path); n.kind != unstable.String || n.text != "" {
				path = n.at
			}
		}},
		field{"url", func(n *node) {
			if l.URL = d.listURL(n); n.kind != unstable.String || n.text != "" {
				from = n.at
			}
		}},
		field{"refresh", func(n *node) {
			d.duration(n, &refresh, minRefresh, maxRefresh)
			refreshed = n.at
		}},
		field{"format", func(n *node) {
			if text, ok := d.choice(n, []string{"auto", "hosts", "domains", "adblock", "dnsmasq", "unbound", "rpz"}); ok {
				l.Format = text
			}
		}},
		field{"action", func(n *node) {
			if text, ok := d.choice(n, []string{"block", "allow"}); ok {
				l.Action = text
			}
		}},
		field{"subdomains", func(n *node) {
			d.boolean(n, &l.Subdomains)
			subdomains = n.at
		}},
	)
	if t.kind != unstable.Table {
		return
	}
	if !named {
		d.fail(t.at, `this list has no name; add: name = "ads"`)
	}
	switch {
	case path < 0 && from < 0:
		d.fail(t.at, `this list has no path and no url; add: path = "lists/ads.txt", or url = "https://lists.example/ads.txt"`)
	case l.Path != "" && from >= 0:
		d.fail(max(path, from), "a list has a path or a url, not both; remove one of them")
	case from >= 0:
		l.Refresh = refresh
	case refreshed >= 0:
		d.fail(refreshed, "refresh is for a list that has a url; one that has a path is read again whenever it changes; remove refresh")
	}
	if subdomains >= 0 && !slices.Contains([]string{"auto", "domains"}, l.Format) {
		d.fail(subdomains, "subdomains is for bare names, and a list of format %q has none; remove it", l.Format)
	}
	d.conf.Lists = append(d.conf.Lists, l)
	d.listAt = append(d.listAt, from)
}

// listURL returns a URL to fetch a list from, "" for none or a wrong one.
func (d *decoder) listURL(n *node) string {
	text, ok := d.str(n, "a URL")
	if !ok || text == "" {
		return ""
	}
	if why := wrongListURL(text); why != "" {
		d.fail(n.at, "url %s %s", quote(text), why)
		return ""
	}
	return text
}

// wrongListURL says why no list is fetched from text, "" if one can be.
func wrongListURL(text string) string {
	const example = "https://lists.example/ads.txt"
	u, err := url.Parse(text)
	if err != nil {
		return "is not a URL, like " + example
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme == "http":
		return "must begin with https://, so that nobody on the way can change the list"
	case u.Scheme == "file" || u.Scheme == "":
		return "does not begin with https://; the file of a list is its path"
	case u.Scheme != "https":
		return "has a scheme that lists are not fetched by; use https, like " + example
	case u.Hostname() == "":
		return "has no host; write one like " + example
	case u.User != nil:
		return "has a user name in it, which would show in logs; use a URL without"
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0):
		return "has a port that is not 1 to 65535"
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return "has a fragment (#), which is never sent to a server; remove it"
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := unusable(a); why != "" {
			return "names a host that " + why
		}
	} else if !isName(u.Hostname()) {
		return "has a host that is neither an address nor a name"
	}
	return ""
}

// addr returns the host of a valid list's URL if it is an address, else the zero Addr.
func (l List) addr() netip.Addr { return Server{URL: l.URL}.addr() }
