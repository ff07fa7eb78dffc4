package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDefaults runs tundns without a configuration, on a host that reaches no
// upstream server.
func TestDefaults(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	before := h.state()
	a := h.up("")

	screen := a.stdout.String()
	for _, want := range []string{virtual4, virtual6, "https://dns.quad9.net/dns-query", "https://cloudflare-dns.com/dns-query", "udp://9.9.9.9", "dig @" + virtual4} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen does not show %s:\n%s", want, screen)
		}
	}
	if lines := strings.Count(screen, "\n"); lines > 24 {
		t.Errorf("%d lines do not fit one screen:\n%s", lines, screen)
	}
	for _, addr := range []string{virtual4, virtual6} {
		if route := h.ip("route get " + addr); !strings.Contains(route, "dev tundns0") {
			t.Errorf("the route to %s: %s", addr, route)
		}
	}
	if link := h.ip("-oneline link show tundns0"); !strings.Contains(link, " mtu 1420 ") {
		t.Error(link)
	}

	h.blocked("doubleclick.net", ":")
	h.ask("NOERROR", "@"+virtual4, "CH", "TXT", "version.tundns")
	r := h.ask("SERVFAIL", "@"+virtual4, "www.example")
	if !r.unreachable() {
		t.Errorf("EDE %q, want 22 or 23 with the cause", r.ede)
	}

	a.stop()
	if after := h.state(); after != before {
		t.Errorf("left behind.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestSilentUpstreams runs the defaults on a host whose router swallows
// everything. A client must hear of it before it gives up.
func TestSilentUpstreams(t *testing.T) {
	t.Parallel()
	h, router := newHost(t), newHost(t)
	l := h.cable(router, 1)
	h.ip("route add default via " + l.far4.String())
	h.ip("route add default via " + l.far6.String())
	h.up("")
	for _, transport := range []string{"+notcp", "+tcp"} {
		start := time.Now()
		r := h.ask("SERVFAIL", "@"+virtual4, "www.example", transport)
		if !r.unreachable() {
			t.Errorf("EDE %q, want 22 or 23 with the cause", r.ede)
		}
		t.Logf("%s after %v: %s", transport, time.Since(start).Round(time.Millisecond), r.ede)
	}
}

// TestLinkDown takes the TUN down under a running tundns. Queries must then go
// nowhere, least of all along the default route.
func TestLinkDown(t *testing.T) {
	t.Parallel()
	h, router := newHost(t), newHost(t)
	l := h.cable(router, 1)
	h.ip("route add default via " + l.far4.String())
	h.ip("route add default via " + l.far6.String())
	h.up(configuration(t, upstream(udp(l.far4)), nil))
	capture := router.startCapture("eth1")

	h.ip("link set tundns0 down")
	for _, addr := range []string{virtual4, virtual6} {
		if r := h.dig("@"+addr, "+time=1", "www.example"); r.status != "" {
			t.Errorf("answered without a link:\n%s", r.raw)
		}
	}
	for _, p := range capture.until(h, l.far4) {
		if to := p.destination.Addr().String(); to == virtual4 || to == virtual6 {
			t.Errorf("a query left by the default route: %v", p)
		}
	}
}

// TestWithoutIPv6 runs on a host whose kernel has IPv6 turned off.
func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if err := h.do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
	}); err != nil {
		t.Fatal(err)
	}
	h.up("")
	h.blocked("doubleclick.net", ":")
}

// TestSmallMTU asks for an answer that fits 1,232 bytes but not the TUN.
func TestSmallMTU(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4))+`
[tun]
mtu = 576
addresses = ["10.30.30.1/32"]
[dns]
addresses = ["10.30.30.30"]
`, nil))
	// A header of 20 bytes and one of 8 belong to the packet.
	if r := h.ask("NOERROR", "@"+virtual4, "big.example", "TXT", "+bufsize=4096", "+ignore"); r.size > 576-28 || !r.has("tc") {
		t.Errorf("%d bytes do not fit an MTU of 576:\n%s", r.size, r.raw)
	}
	if r := h.ask("NOERROR", "@"+virtual4, "big.example", "TXT", "+tcp"); len(r.answer) != 14 {
		t.Errorf("%d records over TCP, want 14", len(r.answer))
	}
	h.run("ping", "-c", "1", "-W", "2", "-s", "1000", virtual4)
}

// TestOtherAddresses serves at virtual addresses and through an interface of the
// user's choice.
func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4))+`
[tun]
name = "dns7"
addresses = ["198.51.100.1/32"]
[dns]
addresses = ["198.51.100.53", "198.51.100.54"]
`, nil))
	h.ip("link show dns7")
	for _, at := range []string{"@198.51.100.53", "@198.51.100.54"} {
		if r := h.ask("NOERROR", at, "www.example"); !slices.Equal(r.data(), []string{"198.51.100.80"}) {
			t.Error(r.raw)
		}
	}
	if r := h.dig("@"+virtual4, "+time=1", "www.example"); r.status != "" {
		t.Errorf("answered at the default address all the same:\n%s", r.raw)
	}
}
