package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestMetrics reads the metrics through the tunnel and at a host address, after
// queries with every outcome that needs no broken server.
func TestMetrics(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4))+listConfiguration+"[metrics]\nlisten = \"127.0.0.1:9153\"\n", lists))

	h.ask("NOERROR", "@"+virtual4, "www.example")
	h.ask("NOERROR", "@"+virtual4, "www.example")
	h.ask("NOERROR", "@"+virtual6, "www.example", "AAAA", "+tcp")
	h.ask("NXDOMAIN", "@"+virtual4, "nothing.example")
	h.blocked("exact.ads.example", "hosts:3")
	h.ask("NOERROR", "@"+virtual4, "CH", "TXT", "version.tundns")
	h.ask("NOERROR", "@"+virtual4, "odd.example", "TYPE65400")
	h.ask("FORMERR", "@"+virtual4, "+header-only")

	for _, url := range []string{"http://" + virtual4 + "/metrics", "http://[" + virtual6 + "]/metrics", "http://127.0.0.1:9153/metrics"} {
		page, m, err := h.scrape(url)
		if err != nil {
			t.Fatal(err)
		}
		promtool := exec.Command("promtool", "check", "metrics")
		promtool.Stdin = strings.NewReader(page)
		if out, err := promtool.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool on %s: %v\n%s", url, err, out)
		}
		for _, name := range []string{
			"tundns_queries_total", "tundns_responses_total", "tundns_query_duration_seconds_bucket", "tundns_query_duration_seconds_sum",
			"tundns_cache_hits_total", "tundns_cache_misses_total", "tundns_cache_entries", "tundns_cache_bytes",
			"tundns_list_rules", "tundns_upstream_queries_total", "tundns_upstream_up",
			"tundns_datapath_packets_total", "tundns_datapath_drops_total", "tundns_build_info",
		} {
			if !m.has(name) {
				t.Errorf("%s does not show %s", url, name)
			}
		}
		for _, outcome := range []string{"forwarded", "cached", "blocked", "local", "invalid"} {
			if m.sum("tundns_responses_total", fmt.Sprintf("outcome=%q", outcome)) == 0 {
				t.Errorf("%s counts no response with outcome %s", url, outcome)
			}
		}
		if m.sum("tundns_queries_total", `transport="udp"`) < 6 || m.sum("tundns_queries_total", `transport="tcp"`) < 1 || m.sum("tundns_queries_total", `qtype="other"`) != 1 {
			t.Errorf("%s counts %v queries over UDP, %v over TCP, %v of other types", url, m.sum("tundns_queries_total", `transport="udp"`),
				m.sum("tundns_queries_total", `transport="tcp"`), m.sum("tundns_queries_total", `qtype="other"`))
		}
		if m.sum("tundns_responses_total") != m.sum("tundns_query_duration_seconds_count") {
			t.Errorf("%s: %v responses, and the duration of %v", url, m.sum("tundns_responses_total"), m.sum("tundns_query_duration_seconds_count"))
		}
		// Labels are bounded: no name, no rule, no client.
		for _, private := range []string{"ads.example", "www.example", "nothing.example", ours4} {
			if strings.Contains(page, private) {
				t.Errorf("%s shows %s", url, private)
			}
		}
	}
	if _, _, err := h.scrape("http://" + virtual4 + "/elsewhere"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page that there is not: %v, want 404", err)
	}
}
