package appliance

import (
	"slices"
	"time"

	"tundns/cache"
	"tundns/datapath"
	"tundns/resolver/upstream"
	"tundns/telemetry"
)

// sample hands the figures that other packages count to the metrics.
func (a *Appliance) sample(emit telemetry.Emit) {
	c := a.cache.Stats()
	for k, s := range c.Kinds {
		kind := cache.Kind(k).String()
		emit(telemetry.CacheHits, float64(s.Hits), kind)
		emit(telemetry.CacheEntries, float64(s.Entries), kind)
		emit(telemetry.CacheBytes, float64(s.Bytes), kind)
		emit(telemetry.CacheEvictions, float64(s.Evicted), kind)
	}
	emit(telemetry.CacheHits, float64(c.Stale), "stale")
	emit(telemetry.CacheMisses, float64(c.Misses))
	emit(telemetry.CacheRefreshes, float64(c.Refreshes))

	rules := a.current.Load()
	for _, r := range rules.reports {
		emit(telemetry.ListRules, float64(r.Rules), r.List)
		emit(telemetry.ListSkipped, float64(r.Skipped), r.List)
		emit(telemetry.ListLoadDuration, r.Took.Seconds(), r.List)
	}
	if rules.refresher != nil {
		for _, l := range rules.refresher.Status() {
			checked := 0.0
			if !l.Checked.IsZero() {
				checked = float64(l.Checked.Unix())
			}
			emit(telemetry.ListChecked, checked, l.List)
		}
	}
	emit(telemetry.PolicyBytes, float64(rules.set.Bytes()))
	emit(telemetry.QueryLogDropped, float64(a.queries.dropped.Load()))
	emit(telemetry.PolicyNames, float64(rules.set.Names()))
	now := time.Now()
	for _, g := range rules.policy.Groups() {
		paused := 0.0
		if now.Before(a.pauses.Until(g.Name())) {
			paused = 1
		}
		emit(telemetry.PolicyPaused, paused, g.Name())
	}
	for _, s := range states(rules.upstreams) {
		up := 1.0
		if s.Open {
			up = 0
		}
		emit(telemetry.UpstreamUp, up, s.Upstream)
		emit(telemetry.UpstreamLatency, s.Latency.Seconds(), s.Upstream)
	}
	sampleDatapath(a.filter.Stats(), emit)
}

// states are those of the groups' servers, one for each server: one that is in
// several groups is down when it is so in any, and as slow as in the worst.
func states(groups []*upstream.Group) []upstream.State {
	var all []upstream.State
	for _, g := range groups {
		for _, s := range g.State() {
			i := slices.IndexFunc(all, func(o upstream.State) bool { return o.Upstream == s.Upstream })
			if i < 0 {
				all = append(all, s)
				continue
			}
			all[i].Open = all[i].Open || s.Open
			all[i].Latency = max(all[i].Latency, s.Latency)
			all[i].InFlight += s.InFlight
		}
	}
	return all
}

func sampleDatapath(s datapath.Stats, emit telemetry.Emit) {
	drops := make(map[string]uint64)
	for direction, d := range map[string]datapath.DirectionStats{"from_host": s.Host, "from_peers": s.Peers} {
		emit(telemetry.DatapathPackets, float64(d.Passed), direction, "passed")
		emit(telemetry.DatapathPackets, float64(d.Served), direction, "served")
		emit(telemetry.DatapathPackets, float64(d.Replies), direction, "replied")
		for r, n := range d.Dropped {
			drops[datapath.Reason(r).String()] += n
		}
	}
	drops["netstack_malformed"] = s.Netstack.Malformed
	drops["netstack_bad_checksum"] = s.Netstack.BadChecksum
	drops["icmp_limited"] = s.Netstack.ICMPLimited
	for reason, n := range drops {
		emit(telemetry.DatapathDrops, float64(n), reason)
	}
}
