package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// zoneFile returns the path of the zone that the real servers serve.
func zoneFile(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// writeFile writes a file into a folder of the test's own.
func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startNSD serves the zone over UDP and TCP on port 53.
func startNSD(h *host, addrs ...netip.Addr) *process {
	h.t.Helper()
	var interfaces string
	for _, a := range addrs {
		interfaces += fmt.Sprintf("  ip-address: %v\n", a)
	}
	return startNSDWith(h, zoneFile(h.t), interfaces)
}

// startNSDWith serves a zone; options are lines of nsd.conf's section "server".
func startNSDWith(h *host, zone, options string) *process {
	h.t.Helper()
	p := h.start("nsd", "-d", "-c", writeFile(h.t, "nsd.conf", fmt.Sprintf(`
server:
%s  username: ""
  chroot: ""
  zonesdir: ""
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "%s"
  server-count: 1
  ipv4-edns-size: 1232
  ipv6-edns-size: 1232
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "%s"
`, options, filepath.Join(h.t.TempDir(), "zone.list"), zone)))
	p.await(&p.stderr, `nsd started`)
	return p
}

// dohName is the name that the DoH servers' certificates are for.
const dohName = "dns.example"

// startUnbound serves a zone over UDP and TCP on port 53, over DNS over TLS
// on port 853 and over DNS over HTTPS on port 443, with a certificate for
// dohName. Every query is a line on its standard error.
func startUnbound(h *host, ca *authority, addr netip.Addr, zone string) *process {
	h.t.Helper()
	return startUnboundWith(h, ca.encryption(dohName), addr, zone)
}

// startUnboundWith is startUnbound with a certificate that is there already.
func startUnboundWith(h *host, e encryption, addr netip.Addr, zone string) *process {
	h.t.Helper()
	p := h.start("unbound", "-d", "-c", writeFile(h.t, "unbound.conf", fmt.Sprintf(`
server:
  interface: %[1]v@53
  interface: %[1]v@853
  interface: %[1]v@443
  tls-service-pem: "%[2]s"
  tls-service-key: "%[3]s"
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  log-queries: yes
  num-threads: 1
  module-config: "iterator"
auth-zone:
  name: "."
  zonefile: "%[4]s"
  for-downstream: yes
  for-upstream: no
remote-control:
  control-enable: no
`, addr, e.cert, e.key, zone)))
	p.await(&p.stderr, `start of service`)
	return p
}
