package telemetry

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// page fetches the metrics as Prometheus would.
func page(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	b, _ := io.ReadAll(w.Body)
	return string(b)
}

func has(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(page, l+"\n") {
			t.Errorf("no line %q", l)
		}
	}
}

// busy calls everything once.
func busy() *Metrics {
	m := New("v1.2.3")
	m.Query("udp", dns.TypeA)
	m.Query("tcp", 65400)
	m.Response("cached", 0, 70*time.Microsecond)
	m.Response("invalid", 16, 0)
	m.Response("forwarded", 4000, 0)
	m.Panic()
	m.Overload("client")
	m.Coalesced()
	m.Exchange("udp://192.0.2.1", "ok", time.Millisecond)
	m.Exchange("udp://192.0.2.1", "timeout", time.Second)
	m.Breaker("udp://192.0.2.1", true)
	m.Breaker("udp://192.0.2.1", false)
	m.ListFetch("ads", "ok")
	m.ListFetch("ads", "shrunk")
	m.Matched("ads", "block")
	m.Reload(nil, time.Second)
	m.Reload(errors.New("x"), time.Second)
	m.Sample(func(emit Emit) {
		for _, d := range all {
			switch d {
			case CacheMisses, CacheRefreshes, PolicyBytes, PolicyNames, QueryLogDropped:
				emit(d, 7)
			case DatapathPackets:
				emit(d, 7, "from_host", "passed")
			default:
				emit(d, 7, "x")
			}
		}
	})
	return m
}

func TestPage(t *testing.T) {
	p := page(t, busy())
	has(t, p,
		`tundns_queries_total{qtype="A",transport="udp"} 1`,
		`tundns_queries_total{qtype="other",transport="tcp"} 1`,
		`tundns_responses_total{outcome="cached",rcode="NOERROR"} 1`,
		`tundns_responses_total{outcome="invalid",rcode="BADVERS"} 1`,
		`tundns_responses_total{outcome="forwarded",rcode="other"} 1`,
		`tundns_query_duration_seconds_bucket{outcome="cached",le="0.0001"} 1`,
		`tundns_query_duration_seconds_bucket{outcome="cached",le="5e-05"} 0`,
		`tundns_upstream_queries_total{result="timeout",upstream="udp://192.0.2.1"} 1`,
		`tundns_upstream_duration_seconds_count{upstream="udp://192.0.2.1"} 1`,
		`tundns_upstream_breaker_changes_total{state="open",upstream="udp://192.0.2.1"} 1`,
		`tundns_list_fetches_total{list="ads",result="shrunk"} 1`,
		`tundns_policy_matches_total{action="block",list="ads"} 1`,
		`tundns_reloads_total{result="failure"} 1`,
		`tundns_reloads_total{result="success"} 1`,
		`tundns_panics_total 1`,
		`tundns_cache_misses_total 7`,
		`tundns_datapath_packets_total{direction="from_host",fate="passed"} 7`)
	if !strings.Contains(p, `tundns_build_info{goversion="go`) || !strings.Contains(p, `version="v1.2.3"} 1`) {
		t.Error("no build information")
	}
}

func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(page(t, busy()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	types, rcodes := map[string]bool{}, map[string]bool{}
	for i := range 1 << 16 {
		types[typeLabel(uint16(i))] = true
		rcodes[rcodeLabel(i)] = true
	}
	if len(types) > 20 || len(rcodes) > 20 {
		t.Errorf("%d type labels, %d rcode labels", len(types), len(rcodes))
	}
}

func BenchmarkResponse(b *testing.B) {
	m := New("x")
	b.ReportAllocs()
	for b.Loop() {
		m.Response("cached", 0, time.Millisecond)
	}
}
