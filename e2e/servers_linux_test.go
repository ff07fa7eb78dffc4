package e2e

import (
	"fmt"
	"net/netip"
	"strings"
)

// upstreamServer is one of the DNS servers of the world.
type upstreamServer struct {
	name   string
	needs  string   // program
	origin string   // of the program
	ways   []string // transports that it offers, as schemes of URLs; with GET: HTTP's method
	// start has it serve a zone at an address, on the usual port of every
	// transport, DNS over HTTPS at /dns-query.
	start func(h *host, e encryption, addr netip.Addr, zone string)
}

// servers returns the servers that tundns is tried with.
func servers() []upstreamServer {
	return []upstreamServer{
		{"unbound", "unbound", "Debian package unbound", []string{"udp", "tcp", "tls", "https", "https with GET"},
			func(h *host, e encryption, addr netip.Addr, zone string) { startUnboundWith(h, e, addr, zone) }},
		{"nsd", "nsd", "Debian package nsd", []string{"udp", "tcp", "tls"}, startNSDWithTLS},
		{"named", "named", "Debian package bind9", []string{"udp", "tcp", "tls", "https", "https with GET"}, startNamed},
		{"dnsdist", "dnsdist", "Debian package dnsdist", []string{"udp", "tcp", "tls", "https", "https with GET"}, startDnsdist},
		{"coredns", coreDNS(tundns), "module in e2e/coredns", []string{"udp", "tcp", "tls", "https", "https with GET", "quic"},
			startCoreDNS("dns", "tls", "https", "quic")},
		// Where HTTP/2 answers too, an answer does not tell which of them it
		// came over.
		{"coredns with HTTP/3 alone", coreDNS(tundns), "module in e2e/coredns", []string{"h3"}, startCoreDNS("https3")},
	}
}

func startNSDWithTLS(h *host, e encryption, addr netip.Addr, zone string) {
	h.t.Helper()
	startNSDWith(h, zone, fmt.Sprintf(`
  ip-address: %[1]v@53
  ip-address: %[1]v@853
  tls-port: 853
  tls-service-pem: "%[2]s"
  tls-service-key: "%[3]s"
`, addr, e.cert, e.key))
}

func startNamed(h *host, e encryption, addr netip.Addr, zone string) {
	h.t.Helper()
	p := h.start("named", "-g", "-n", "1", "-c", writeFile(h.t, "named.conf", fmt.Sprintf(`
tls own { cert-file "%[2]s"; key-file "%[3]s"; };
http own { endpoints { "/dns-query"; }; };
options {
	directory "%[5]s";
	pid-file none;
	session-keyfile none;
	listen-on port 53 { %[1]v; };
	listen-on port 853 tls own { %[1]v; };
	listen-on port 443 tls own http own { %[1]v; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
};
controls { };
zone "." { type primary; file "%[4]s"; };
`, addr, e.cert, e.key, zone, h.t.TempDir())))
	p.await(&p.stderr, `(?m) running$`)
}

// startDnsdist starts dnsdist in front of nsd.
func startDnsdist(h *host, e encryption, addr netip.Addr, zone string) {
	h.t.Helper()
	startNSDWith(h, zone, "  ip-address: 127.0.0.1\n")
	// It would ask its makers for news of its security otherwise. The server
	// behind is said to be up, for its health is found out by the second.
	p := h.start("dnsdist", "--supervised", "--disable-syslog", "-C", writeFile(h.t, "dnsdist.conf", fmt.Sprintf(`
setSecurityPollSuffix("")
setACL({"0.0.0.0/0"})
setLocal("%[1]v:53")
addTLSLocal("%[1]v:853", "%[2]s", "%[3]s")
addDOHLocal("%[1]v:443", "%[2]s", "%[3]s", "/dns-query")
newServer({address="127.0.0.1:53"}):setUp()
`, addr, e.cert, e.key)))
	p.await(&p.stdout, `ACL allowing queries`)
}

// startCoreDNS starts CoreDNS with one server for each of its schemes.
func startCoreDNS(schemes ...string) func(*host, encryption, netip.Addr, string) {
	return func(h *host, e encryption, addr netip.Addr, zone string) {
		h.t.Helper()
		var corefile strings.Builder
		for _, scheme := range schemes {
			fmt.Fprintf(&corefile, "%s://. {\n\tbind %v\n\tfile \"%s\" .\n", scheme, addr, zone)
			if scheme != "dns" {
				fmt.Fprintf(&corefile, "\ttls \"%s\" \"%s\"\n", e.cert, e.key)
			}
			corefile.WriteString("}\n")
		}
		p := h.start(coreDNS(tundns), "-conf", writeFile(h.t, "Corefile", corefile.String()))
		p.await(&p.stdout, `CoreDNS-`)
	}
}
