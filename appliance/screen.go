package appliance

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tundns/config"
)

// Screen writes what a person wants to know after the start: where it answers,
// upstreams, lists, metrics, and the command to try, on one screen.
func (a *Appliance) Screen(w io.Writer) {
	r := a.current.Load()
	c := r.config
	var addrs []string
	for _, addr := range c.DNS.Addresses {
		addrs = append(addrs, addr.String())
	}
	fmt.Fprintf(w, "tundns %s answers at %s (interface %s)\n", a.version, strings.Join(addrs, " and "), a.device.Name())
	if c.Mode == config.ModeClient {
		fmt.Fprintf(w, "tunnel:    WireGuard client, %s\n", c.WireGuard.Config)
	}
	lines := 0
	for _, u := range c.Upstreams {
		for _, s := range u.Servers {
			fmt.Fprintf(w, "%-10s %s%s\n", heading("upstreams:", lines), s.URL, scope(u.Domains))
			lines++
		}
	}
	for i, l := range r.reports {
		source := l.Path
		switch {
		case c.StarterList():
			source = "built in, until a list or group is configured"
		case slices.Contains(r.missing, l.List):
			fmt.Fprintf(w, "%-10s %s: not fetched yet (%s)\n", heading("lists:", i), l.List, source)
			continue
		}
		fmt.Fprintf(w, "%-10s %s: %d rules (%s)", heading("lists:", i), l.List, l.Rules, source)
		if l.Skipped > 0 {
			fmt.Fprintf(w, ", %d skipped: see tundns check", l.Skipped)
		}
		fmt.Fprintln(w)
	}
	if n := r.names.Len(); n > 0 {
		fmt.Fprintf(w, "names:     %d of our own\n", n)
	}
	host := c.DNS.Addresses[0].String()
	if c.DNS.Addresses[0].Is6() {
		host = "[" + host + "]"
	}
	fmt.Fprintf(w, "metrics:   http://%s/metrics", host)
	if c.Metrics.Listen != "" {
		fmt.Fprintf(w, " and http://%s/metrics", c.Metrics.Listen)
	}
	fmt.Fprintln(w)
	for _, warning := range a.device.Warnings() {
		fmt.Fprintf(w, "warning:   %s\n", warning)
	}
	fmt.Fprintf(w, "try:       dig @%s example.com\n", c.DNS.Addresses[0])
}

// scope says which names a server is asked for, "" for all that are left.
func scope(domains []config.Domain) string {
	switch len(domains) {
	case 0:
		return ""
	case 1:
		return " for " + domains[0].String()
	}
	return fmt.Sprintf(" for %s and %d more", domains[0], len(domains)-1)
}

func heading(text string, i int) string {
	if i > 0 {
		return ""
	}
	return text
}
