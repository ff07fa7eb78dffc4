package appliance

import (
	"errors"
	"runtime/debug"

	"tundns/blocklists"
	"tundns/blocklists/download"
	"tundns/telemetry"
)

// surroundings are those of the rulesets of a.
func (a *Appliance) surroundings() surroundings {
	return surroundings{
		observer: observer{a.metrics, a},
		pauses:   &a.pauses,
		log:      a.log,
		dial:     a.dial,
		changed: func() {
			// A reload closes the refresher that is calling, which waits for this
			// call: it must not happen here.
			select {
			case a.fetched <- struct{}{}:
			default:
			}
		},
		fetches: fetches{a},
	}
}

// observer hands what upstreams do to the metrics. One that is back is a sign that
// the network is, so that lists which could not be had are worth another try.
type observer struct {
	*telemetry.Metrics
	a *Appliance
}

// Breaker counts a change of a circuit breaker.
func (o observer) Breaker(upstream string, open bool) {
	o.Metrics.Breaker(upstream, open)
	if r := o.a.current.Load(); !open && r != nil && r.refresher != nil {
		r.refresher.Retry()
	}
}

// fetches tells the metrics about fetches of lists.
type fetches struct{ a *Appliance }

// ListFetched counts a fetch.
func (f fetches) ListFetched(list string, err error) {
	result := "ok"
	var failed *download.Error
	if errors.As(err, &failed) {
		result = string(failed.Reason)
	}
	f.a.metrics.ListFetch(list, result)
}

// startFetching lets the current ruleset's refresher begin once that of old, if
// there is one, has ended.
func (a *Appliance) startFetching(old *ruleset) {
	if old != nil && old.refresher != nil {
		old.refresher.Close()
	}
	if r := a.current.Load().refresher; r != nil {
		r.Start()
	}
}

// manyNames is from where a set of lists takes megabytes to build.
const manyNames = 100_000

// returnMemory gives the system back what building next and dropping old have
// left, where that is worth the collector's time.
func returnMemory(old, next *blocklists.Set) {
	if old != nil && old.Names() >= manyNames || next.Names() >= manyNames {
		debug.FreeOSMemory()
	}
}
