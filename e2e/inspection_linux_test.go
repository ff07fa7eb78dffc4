package e2e

import (
	"strings"
	"testing"
)

// TestInspection blocks questions for what the answer leads to: names and
// addresses, in records and in hints.
func TestInspection(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	config := configuration(t, upstream(udp(l.far4))+`
[[list]]
name = "names"
path = "names.txt"
[[list]]
name = "addresses"
path = "addresses.txt"
[log]
queries = "blocked"
`, map[string]string{
		"names.txt":     "||tracker.example^\n@@||trusted.example^\n",
		"addresses.txt": "203.0.113.0/24\n2001:db8:bad::/48\n",
	})
	a := h.up(config)
	questions := []expected{
		{"metrics.tracker.example", "NOERROR", null, "15 (Blocked): (names:1 ||tracker.example^)"},
		{"cloaked.example", "NOERROR", null, "15 (Blocked): (names:1 ||tracker.example^ for metrics.tracker.example)"},
		{"cloaked.example AAAA", "NOERROR", []string{"::"}, "for metrics.tracker.example)"},
		{"redirected.example HTTPS", "NOERROR", nil, "names:1 ||tracker.example^ for metrics.tracker.example)"},
		{"listed.example", "NOERROR", null, "addresses:1 ||203.0.113.0/24^ for 203.0.113.9)"},
		{"hinted.example HTTPS", "NOERROR", nil, "addresses:1 ||203.0.113.0/24^ for 203.0.113.10)"},
		// The name that a rule allows stands between it and the one that is blocked.
		{"front.example", "NOERROR", []string{"trusted.example.", "metrics.tracker.example.", "198.51.100.90"}, ""},
		{"trusted.example", "NOERROR", []string{"metrics.tracker.example.", "198.51.100.90"}, ""},
		{"www.example", "NOERROR", []string{"198.51.100.80"}, ""},
		{"www.example HTTPS", "NOERROR", []string{`1 . alpn="h2,h3" ipv4hint=198.51.100.80`}, ""},
	}
	h.expect(questions...)
	h.expect(questions...) // and once more, from the cache
	a.await(&a.stderr, `msg=query client=\S+ name=cloaked.example type=A outcome=blocked rcode=NOERROR took=\S+ why="names:1 \|\|tracker.example\^ for metrics.tracker.example"`)
	if text := a.stderr.String(); strings.Contains(text, "name=www.example") {
		t.Errorf("a query that was not blocked is in the log:\n%s", text)
	}

	explained := h.run(tundns, "explain", "cloaked.example", "--config", config)
	for _, says := range []string{"cloaked.example: blocked (null)", "hop CNAME metrics.tracker.example: block names:1 ||tracker.example^", "hop A 198.51.100.90: "} {
		if !strings.Contains(explained, says) {
			t.Errorf("explain does not say %q:\n%s", says, explained)
		}
	}
}

// TestRebinding refuses private addresses in answers of public servers, but for
// the exceptions.
func TestRebinding(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	config := upstream(udp(l.far4)) + group("office", `domains = ["corp.example"]`, udp(l.far4))
	path := configuration(t, config+"\n[dns]\nrebinding_protection = true\nrebinding_allow = [\"plex.example\"]\n", nil)
	a := h.up(path)
	h.expect(
		expected{"private.example", "NOERROR", nil, "15 (Blocked): (rebinding: 192.168.1.7 in a public answer)"},
		expected{"private.example HTTPS", "NOERROR", nil, "rebinding: 192.168.1.7 in a public answer"},
		expected{"nas.plex.example", "NOERROR", []string{"192.168.1.8"}, ""},
		expected{"nas.corp.example", "NOERROR", []string{"192.168.1.9"}, ""},
		expected{"www.example", "NOERROR", []string{"198.51.100.80"}, ""},
	)
	a.stop()

	h.up(configuration(t, config, nil))
	h.expect(expected{"private.example", "NOERROR", []string{"192.168.1.7"}, ""})
}
