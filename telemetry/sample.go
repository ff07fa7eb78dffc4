package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is a metric whose value some other package counts.
type Metric struct {
	desc *prometheus.Desc
	typ  prometheus.ValueType
}

var all []*Metric

func counter(name, help string, labels ...string) *Metric {
	return declare(name, help, prometheus.CounterValue, labels)
}

func gauge(name, help string, labels ...string) *Metric {
	return declare(name, help, prometheus.GaugeValue, labels)
}

func declare(name, help string, typ prometheus.ValueType, labels []string) *Metric {
	m := &Metric{prometheus.NewDesc(name, help, labels, nil), typ}
	all = append(all, m)
	return m
}

// The metrics that are read when they are asked for.
var (
	CacheHits      = counter("tundns_cache_hits_total", "Lookups answered by a fresh entry, by kind, and stale answers served.", "kind")
	CacheRefreshes = counter("tundns_cache_refreshes_total", "Popular entries that were asked for again before they expired.")
	CacheMisses    = counter("tundns_cache_misses_total", "Lookups without a fresh entry.")
	CacheEntries   = gauge("tundns_cache_entries", "Entries in the message cache.", "kind")
	CacheBytes     = gauge("tundns_cache_bytes", "Estimated memory of the entries in the message cache.", "kind")
	CacheEvictions = counter("tundns_cache_evictions_total", "Entries that had to leave the message cache for others before they expired.", "kind")

	ListRules        = gauge("tundns_list_rules", "Rules in force of a list.", "list")
	ListSkipped      = gauge("tundns_list_skipped_lines", "Lines of a list that hold no rule we can apply.", "list")
	ListLoadDuration = gauge("tundns_list_load_duration_seconds", "Time that reading the list took when it was last loaded.", "list")
	ListChecked      = gauge("tundns_list_last_success_timestamp_seconds", "When the copy of a list was last known to be what its URL has, in Unix time; 0 while there is no copy.", "list")
	PolicyBytes      = gauge("tundns_policy_bytes", "Memory of the compiled lists.")
	PolicyNames      = gauge("tundns_policy_names", "Different names that have a rule.")
	PolicyPaused     = gauge("tundns_policy_paused", "1 while blocking is paused for a client group.", "group")

	QueryLogDropped = counter("tundns_query_log_dropped_total", "Queries that were not logged because the log was written too slowly.")

	UpstreamUp      = gauge("tundns_upstream_up", "1 while the upstream's circuit breaker is closed, 0 while it is open.", "upstream")
	UpstreamLatency = gauge("tundns_upstream_latency_estimate_seconds", "The upstream's 95th percentile as estimated, after which the next one is asked too.", "upstream")

	DatapathPackets = counter("tundns_datapath_packets_total", "Packets by direction (from_host, from_peers) and fate.", "direction", "fate")
	DatapathDrops   = counter("tundns_datapath_drops_total", "Packets to or from a virtual address that were dropped, by reason.", "reason")
)

// sampler is a prometheus.Collector over the functions given to Sample.
type sampler struct {
	mu    sync.Mutex
	funcs []func(emit Emit) // guarded by mu
}

// Emit hands out the current value of a metric with its label values.
type Emit func(m *Metric, value float64, labels ...string)

// Sample has f called each time somebody asks for the metrics. f must emit each
// metric and label set once and must not block.
func (m *Metrics) Sample(f func(emit Emit)) {
	m.samples.mu.Lock()
	m.samples.funcs = append(m.samples.funcs, f)
	m.samples.mu.Unlock()
}

// Describe is for Prometheus.
func (s *sampler) Describe(c chan<- *prometheus.Desc) {
	for _, m := range all {
		c <- m.desc
	}
}

// Collect is for Prometheus.
func (s *sampler) Collect(c chan<- prometheus.Metric) {
	s.mu.Lock()
	funcs := s.funcs
	s.mu.Unlock()
	for _, f := range funcs {
		f(func(m *Metric, value float64, labels ...string) {
			c <- prometheus.MustNewConstMetric(m.desc, m.typ, value, labels...)
		})
	}
}
