package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
)

// unboundList returns local-zones, each with its local-data behind it, and
// local-data of no zone.
func unboundList(rng *rand.Rand, w world) string {
	kinds := make(map[string]string)
	owners := w.some(rng, 24)
	for _, name := range owners[:12] {
		kinds[name] = oneOf(rng, "static", "refuse", "redirect", "always_nxdomain", "always_nodata", "always_null", "always_refuse", "always_transparent")
	}
	var b strings.Builder
	b.WriteString("server:\n")
	data := func(name, value string) { fmt.Fprintf(&b, "local-data: \"%s. %s\"\n", name, value) }
	// inZone writes the data of names whose closest zone is the given one.
	inZone := func(zone string) {
		for _, name := range owners[12:] {
			if closest(kinds, name) == zone && kinds[zone] != "redirect" {
				data(name, oneOf(rng, "A 192.0.2.1", "AAAA 2001:db8::1", "TXT text", "A 0.0.0.0"))
			}
		}
	}
	for _, name := range owners[:12] {
		kind := kinds[name]
		fmt.Fprintf(&b, "local-zone: %q %s\n", name, kind)
		if kind == "redirect" || kind == "static" || kind == "refuse" || kind == "always_null" {
			for _, value := range []string{"A 192.0.2.2", "AAAA 2001:db8::2"} {
				if rng.IntN(2) == 0 {
					data(name, value)
				}
			}
		}
		inZone(name)
	}
	inZone("")
	return b.String()
}

// closest returns the closest of some names that a name is under, "" if there is
// none.
func closest(names map[string]string, name string) string {
	for more := true; more; {
		if _, ok := names[name]; ok {
			return name
		}
		_, name, more = strings.Cut(name, ".")
	}
	return ""
}

// policyZone returns records of a policy zone.
func policyZone(rng *rand.Rand, w world) string {
	var b strings.Builder
	for _, name := range w.some(rng, 24) {
		for _, owner := range [][]string{{name}, {"*." + name}, {name, "*." + name}}[rng.IntN(3)] {
			data := oneOf(rng, "CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME garden.example.", "A 192.0.2.1", "A 192.0.2.1\n    A 192.0.2.2\n    TXT \"text\"")
			fmt.Fprintf(&b, "%s %s\n", owner, data)
		}
	}
	return b.String()
}

// addressTriggers returns records of a policy zone for some of the world's
// addresses. None allows, so that the longest prefix decides here, too.
func addressTriggers(rng *rand.Rand) string {
	var b strings.Builder
	for bits := range 5 {
		for _, last := range rng.Perm(1 << bits)[:min(2, 1<<bits)] {
			last <<= 4 - bits
			v6 := fmt.Sprintf("%d.%x.zz.113.db8.2001", 124+bits, last)
			if last == 0 {
				v6 = fmt.Sprintf("%d.zz.113.db8.2001", 124+bits)
			}
			for _, trigger := range []string{fmt.Sprintf("%d.%d.113.0.203", 28+bits, last), v6} {
				if bits == 0 && rng.IntN(2) == 0 {
					continue // and leave some addresses alone
				}
				fmt.Fprintf(&b, "%s.rpz-ip %s\n", trigger, oneOf(rng, "CNAME .", "CNAME *.", "A 192.0.2.3", "AAAA 2001:db8::3"))
			}
		}
	}
	return b.String()
}

// dnsmasqList returns options for names.
func dnsmasqList(rng *rand.Rand, w world) string {
	var b strings.Builder
	for _, name := range w.some(rng, 24) {
		option := oneOf(rng, "address=/%s/", "address=/%s/#", "address=/%s/192.0.2.1", "address=/%s/192.0.2.1", "address=/%s/2001:db8::1",
			"server=/%s/", "local=/%s/", "server=/%s/#", "address=/*.%s/#")
		fmt.Fprintf(&b, option+"\n", name)
	}
	return b.String()
}

func ignoresNothing(string) ignoring {
	return func(blocklists.Rule, *blocklists.Query) bool { return false }
}

// ignoresOtherTypes is for servers that take an address for a name as the answer to
// questions for such addresses only.
func ignoresOtherTypes(list string) ignoring {
	lines := strings.Split(list, "\n")
	return func(r blocklists.Rule, q *blocklists.Query) bool {
		line := lines[r.Line-1]
		address := line[strings.LastIndexByte(line, '/')+1:]
		switch {
		case !strings.HasPrefix(line, "address=") || address == "":
			return false
		case address == "#":
			return q.Type != dns.TypeA && q.Type != dns.TypeAAAA
		case netip.MustParseAddr(address).Is4():
			return q.Type != dns.TypeA
		}
		return q.Type != dns.TypeAAAA
	}
}

// ignoresShielded is for servers whose wildcards follow RFC 4592: they say nothing
// about what is under another name that exists in the policy zone.
func ignoresShielded(zone string) ignoring {
	exists := make(map[dnswire.Name]bool)
	for line := range strings.Lines(zone) {
		if owner, _, _ := strings.Cut(line, " "); strings.HasSuffix(owner, ".example") {
			name := dnswire.MustName(strings.TrimPrefix(owner, "*."))
			for ok := true; ok; name, ok = name.Parent() {
				exists[name] = true
			}
		}
	}
	return func(r blocklists.Rule, q *blocklists.Query) bool {
		next := q.Name // the name on the way down from the rule's
		for next.Labels() > r.Name.Labels()+1 {
			next, _ = next.Parent()
		}
		return r.Scope == blocklists.Under && exists[next]
	}
}

func startUnboundWithList(h *host, list string) { startUnboundClauses(h, "iterator", list) }

func startUnboundWithPolicy(h *host, list string) {
	startUnboundClauses(h, "respip iterator", fmt.Sprintf("rpz:\n  name: rpz.test\n  zonefile: %q\n", writeFile(h.t, "rpz.zone", list)))
}

// startUnboundClauses starts unbound with further clauses in its configuration.
func startUnboundClauses(h *host, modules, clauses string) {
	h.t.Helper()
	p := h.start("unbound", "-d", "-c", writeFile(h.t, "unbound.conf", fmt.Sprintf(`
server:
  interface: %v
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  module-config: %q
  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: %v
remote-control:
  control-enable: no
%s`, peerAddr, modules, worldAddr, clauses)))
	p.await(&p.stderr, `start of service`)
}

func startNamedWithPolicy(h *host, list string) {
	h.t.Helper()
	p := h.start("named", "-g", "-n", "1", "-c", writeFile(h.t, "named.conf", fmt.Sprintf(`
options {
	directory %q;
	pid-file none;
	session-keyfile none;
	listen-on port 53 { %v; };
	listen-on-v6 { none; };
	forward only;
	forwarders { %v; };
	dnssec-validation no;
	empty-zones-enable no;
	response-policy { zone "rpz.test"; } qname-wait-recurse no;
};
controls { };
zone "rpz.test" { type primary; file %q; };
`, h.t.TempDir(), peerAddr, worldAddr, writeFile(h.t, "rpz.zone", list))))
	p.await(&p.stderr, `(?m) running$`)
	p.await(&p.stderr, `rpz: rpz.test: reload done`)
}

func startDnsmasqWithList(h *host, list string) {
	h.t.Helper()
	file := writeFile(h.t, "dnsmasq.conf", fmt.Sprintf(`
keep-in-foreground
log-facility=-
user=root
pid-file=
listen-address=%v
bind-interfaces
no-resolv
no-hosts
cache-size=0
server=%v
%s`, peerAddr, worldAddr, list))
	p := h.start("dnsmasq", "--conf-file="+file)
	p.await(&p.stderr, `started, version`)
}
