package resolver

import (
	"errors"
	"sync"
	"time"

	"tundns/cache"
	"tundns/resolver/upstream"
)

// outages knows the upstream groups none of whose servers reply to anything. The
// zero value is ready to use.
//
// Failures are remembered for up to cache.MaxFailureTTL, and nobody is asked
// meanwhile. So that clients need not wait for that long once the servers are
// back, one remembered failure a second is asked for again, and a first reply
// ends the memory of the outage for all names.
type outages struct {
	mu     sync.Mutex
	groups map[string]*reachability // by name; as many as the configuration has had
}

// reachability is what is known of one upstream group.
type reachability struct {
	replied time.Time // when it last did
	out     bool      // it has not replied to anyone during the last question that failed
	tried   time.Time // while out: when it was last asked, or was to be asked again
}

// asked takes in what came of a question that a group was asked at start, and
// reports whether that ends an outage.
func (o *outages) asked(group string, err error, start, now time.Time) (ends bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g := o.groups[group]
	if g == nil {
		if o.groups == nil {
			o.groups = make(map[string]*reachability)
		}
		g = new(reachability)
		o.groups[group] = g
	}
	if err == nil {
		ends = g.out
		g.replied, g.out = now, false
		return ends
	}
	// A name may be beyond a server that answers for others.
	if _, silent := errors.AsType[*upstream.Error](err); silent && g.replied.Before(start) {
		g.out, g.tried = true, now
	}
	return false
}

// due reports whether a group that is out ought to be asked again: once in
// cache.MinFailureTTL, for which RFC 9520 section 3.2 wants failures remembered.
func (o *outages) due(group string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	g := o.groups[group]
	if g == nil || !g.out || now.Sub(g.tried) < cache.MinFailureTTL {
		return false
	}
	g.tried = now
	return true
}
