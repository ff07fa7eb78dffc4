package telemetry

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// durations are the histogram buckets in seconds: a cached answer takes tens of
// microseconds, an upstream milliseconds to the whole budget of 4 s.
var durations = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2, 4, 5}

// Metrics counts what happens. Its methods may be called by several goroutines
// at once and do not block. Use New.
type Metrics struct {
	registry *prometheus.Registry
	samples  sampler

	queries   *prometheus.CounterVec
	responses *prometheus.CounterVec
	took      *prometheus.HistogramVec
	panics    prometheus.Counter
	overloads *prometheus.CounterVec
	coalesced prometheus.Counter

	exchanges    *prometheus.CounterVec
	exchangeTook *prometheus.HistogramVec
	breakers     *prometheus.CounterVec

	matches    *prometheus.CounterVec
	fetches    *prometheus.CounterVec
	reloads    *prometheus.CounterVec
	reloadTook prometheus.Histogram
	lastReload prometheus.Gauge
}

// New returns metrics in a registry of their own, with build information of the
// given version and Go's runtime and process metrics.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_queries_total",
			Help: "Queries that could be read, by transport and type; types seldom asked for are other."}, []string{"transport", "qtype"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_responses_total",
			Help: "Responses by outcome (forwarded, cached, stale, blocked, rewritten, dropped, local, refused, failed, invalid) and rcode."}, []string{"outcome", "rcode"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tundns_query_duration_seconds", Buckets: durations,
			Help: "Time from reading a query to its answer, by outcome."}, []string{"outcome"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "tundns_panics_total",
			Help: "Queries that caused a panic; each was answered SERVFAIL and is a defect to report."}),
		overloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_overload_total",
			Help: "Queries and connections turned away, by the limit that was reached: one client's or all."}, []string{"scope"}),
		coalesced: prometheus.NewCounter(prometheus.CounterOpts{Name: "tundns_cache_coalesced_total",
			Help: "Queries that shared the upstream query of an identical one under way."}),
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_upstream_queries_total",
			Help: "Queries to upstreams by result."}, []string{"upstream", "result"}),
		exchangeTook: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tundns_upstream_duration_seconds", Buckets: durations,
			Help: "Time that upstreams took to answer; failures are not in it."}, []string{"upstream"}),
		breakers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_upstream_breaker_changes_total",
			Help: "Changes of an upstream's circuit breaker, by its new state: open or closed."}, []string{"upstream", "state"}),
		matches: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_policy_matches_total",
			Help: "Queries that a rule of the list decided, by what it did: allow, block or rewrite."}, []string{"list", "action"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_list_fetches_total",
			Help: "Fetches of lists from their URLs, by result: ok, or why the last good copy stays."}, []string{"list", "result"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tundns_reloads_total",
			Help: "Reloads of configuration and lists, by result: success or failure."}, []string{"result"}),
		reloadTook: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tundns_reload_duration_seconds",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, Help: "Time that reloads took."}),
		lastReload: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tundns_last_reload_success_timestamp_seconds",
			Help: "When configuration and lists were last loaded without error, the start included, in Unix time."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tundns_build_info", Help: "A constant 1 with the build's version, Git revision and Go version.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision(), "goversion": runtime.Version()}})
	build.Set(1)
	for _, result := range []string{"success", "failure"} {
		m.reloads.WithLabelValues(result)
	}
	m.registry.MustRegister(m.queries, m.responses, m.took, m.panics, m.overloads, m.coalesced, m.exchanges, m.exchangeTook,
		m.breakers, m.matches, m.fetches, m.reloads, m.reloadTook, m.lastReload, build, &m.samples,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// revision is the commit that the binary was built from, where Go recorded it.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// Handler serves the metrics over HTTP.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Query counts a query that could be read.
func (m *Metrics) Query(transport string, qtype uint16) {
	m.queries.WithLabelValues(transport, typeLabel(qtype)).Inc()
}

// Response counts a response.
func (m *Metrics) Response(outcome string, rcode int, took time.Duration) {
	m.responses.WithLabelValues(outcome, rcodeLabel(rcode)).Inc()
	m.took.WithLabelValues(outcome).Observe(took.Seconds())
}

// Panic counts a query that caused a panic.
func (m *Metrics) Panic() { m.panics.Inc() }

// Overload counts a query or connection that was turned away; scope is "client"
// or "all".
func (m *Metrics) Overload(scope string) { m.overloads.WithLabelValues(scope).Inc() }

// Coalesced counts a query that shared another one's upstream query.
func (m *Metrics) Coalesced() { m.coalesced.Inc() }

// Exchange counts a query to an upstream and, when it was answered, how long that
// took. result is a short word from a bounded set, "ok" for an answer.
func (m *Metrics) Exchange(upstream, result string, took time.Duration) {
	m.exchanges.WithLabelValues(upstream, result).Inc()
	if result == "ok" {
		m.exchangeTook.WithLabelValues(upstream).Observe(took.Seconds())
	}
}

// Breaker counts a change of an upstream's circuit breaker.
func (m *Metrics) Breaker(upstream string, open bool) {
	state := "closed"
	if open {
		state = "open"
	}
	m.breakers.WithLabelValues(upstream, state).Inc()
}

// Matched counts a query that a rule of the list decided; action is what the rule
// did, a word from a bounded set.
func (m *Metrics) Matched(list, action string) { m.matches.WithLabelValues(list, action).Inc() }

// ListFetch counts a fetch of a list from its URL. result is a short word from a
// bounded set, "ok" for a list that is up to date.
func (m *Metrics) ListFetch(list, result string) { m.fetches.WithLabelValues(list, result).Inc() }

// Loaded tells that configuration and lists are loaded, as at the start.
func (m *Metrics) Loaded() { m.lastReload.SetToCurrentTime() }

// Reload counts a reload; err is why it failed, or nil.
func (m *Metrics) Reload(err error, took time.Duration) {
	if err != nil {
		m.reloads.WithLabelValues("failure").Inc()
		return
	}
	m.reloads.WithLabelValues("success").Inc()
	m.reloadTook.Observe(took.Seconds())
	m.Loaded()
}

// typeLabel is a type's name if it is one that clients commonly ask for, so that
// nobody can make labels at will.
func typeLabel(t uint16) string {
	switch t {
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCAA, dns.TypeCNAME, dns.TypeDNSKEY, dns.TypeDS, dns.TypeHTTPS, dns.TypeMX,
		dns.TypeNAPTR, dns.TypeNS, dns.TypePTR, dns.TypeSOA, dns.TypeSRV, dns.TypeSSHFP, dns.TypeSVCB, dns.TypeTLSA, dns.TypeTXT:
		return dns.TypeToString[t]
	}
	return "other"
}

func rcodeLabel(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok && rcode <= dns.RcodeBadVers {
		if rcode == dns.RcodeBadVers {
			return "BADVERS" // the library calls 16 by its TSIG name
		}
		return s
	}
	return "other"
}
