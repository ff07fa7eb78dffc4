package upstream

import (
	"sync"
	"time"
)

const (
	// maxInFlight bounds the exchanges with one server. At the usual 20 ms an
	// answer it is far beyond what a network of clients asks; a dead server
	// reaches it at 250 queries a second, and fails fast from then on.
	maxInFlight = 1000

	// Bounds of the silence after which the next server is asked. The lower one
	// keeps the noise of a scheduler from passing for silence; the upper one,
	// which also holds while the estimate has too few samples, leaves a client
	// well under a second for its first affected query.
	minHedge = 10 * time.Millisecond
	maxHedge = 400 * time.Millisecond

	// A failed probe is followed by the next one after firstBackoff, then
	// after twice as long, up to maxBackoff. With probeTimeout this finds a
	// server within 10 s of its return.
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 5 * time.Second

	// probeTimeout is how long the exchange of a query that another server has
	// answered may stay silent until it counts as a failure.
	probeTimeout = 2 * time.Second

	// maxContradictions is how many times in a row a server may give SERVFAIL
	// or REFUSED where another one has an answer. It costs one round trip a
	// query, while one name that only this server fails at is no reason to
	// leave it.
	maxContradictions = 3
)

// member is a server of a group, with what is known of its health.
//
// It is healthy, suspect (the last exchange failed or was overtaken) or down
// (so did the probe after it, or it came maxHedge later than another server's
// answer to the same query). Suspect and down members are treated alike, but only
// down is reported: a lost datagram is no event.
type member struct {
	transport Transport
	place     int // in the group's order, from 0
	label     string
	observer  Observer
	rtt       latency
	speed     speed

	mu             sync.Mutex
	inFlight       int
	failures       int           // in a row: 0 healthy, 1 suspect, more: down
	contradictions int           // in a row
	heard          time.Time     // of the last good answer
	probe          *attempt      // the one in progress, nil if none
	nextProbe      time.Time     // not before this
	doubted        chan struct{} // closed when the member stops being healthy
}

func newMember(place int, t Transport, o Observer) *member {
	return &member{transport: t, place: place, label: t.String(), observer: o, doubted: make(chan struct{})}
}

// healthy reports whether m may be asked in its turn.
func (m *member) healthy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failures == 0
}

// begin opens an attempt at m in its turn. When m is due for a probe, the
// attempt is that probe. At maxInFlight the error is ErrOverloaded, and the
// attempt one that never started.
func (m *member) begin(now time.Time) (*attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inFlight >= maxInFlight {
		return &attempt{member: m, start: now}, ErrOverloaded
	}
	return m.open(now), nil
}

// beginProbe opens an attempt if m is due for a probe, and returns nil otherwise.
func (m *member) beginProbe(now time.Time) *attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.probeDue(now) || m.inFlight >= maxInFlight {
		return nil
	}
	return m.open(now)
}

// open makes an attempt. m.mu is held.
func (m *member) open(now time.Time) *attempt {
	m.inFlight++
	a := &attempt{member: m, start: now, healthy: m.failures == 0, doubted: m.doubted}
	if a.healthy {
		a.hedge = m.hedge()
		return a
	}
	a.hedge = minHedge // no head start for one that has lost its trust
	if m.probeDue(now) {
		m.probe = a
	}
	return a
}

// probeDue reports whether a probe may begin. m.mu is held.
func (m *member) probeDue(now time.Time) bool {
	return m.failures > 0 && m.probe == nil && !now.Before(m.nextProbe)
}

// hedge is how long m's silence is nothing unusual.
func (m *member) hedge() time.Duration {
	d, ok := m.rtt.p95()
	if !ok {
		return maxHedge
	}
	return min(max(d, minHedge), maxHedge)
}

// settle takes in the outcome of a: the cause of its failure, or "" for a final
// answer.
func (m *member) settle(a *attempt, cause Cause, now time.Time) {
	m.mu.Lock()
	a.settled = true
	if a.cut != nil {
		a.cut.Stop()
	}
	m.inFlight--
	probe := m.probe == a
	if probe {
		m.probe = nil
	}
	before := m.failures
	switch cause {
	case "", Truncated:
		m.contradictions = 0
		m.heard = now
		m.rtt.add(now.Sub(a.start))
		m.speed.add(now.Sub(a.start), now)
		switch {
		case before == 0 || a.overtaken.IsZero() || now.Sub(a.overtaken) <= maxHedge:
			m.failures = 0
		case probe: // it works, but the one that took its place answers far sooner
			m.fail(now)
		}
	case Servfail, QueryRefused:
		if probe { // whether a healthy one is contradicted is the query's to say
			m.fail(now)
		}
	case Overloaded, abandoned: // nothing to do with the server
	case Timeout, Mismatch: // of one query, while others were answered: lost, or hard to resolve
		if probe || before == 0 && !m.heard.After(a.start) {
			m.fail(now)
		}
	default:
		if probe || before == 0 {
			m.fail(now)
		}
	}
	after := m.failures
	m.mu.Unlock()
	m.report(before, after)
}

// fail counts a failure. m.mu is held.
func (m *member) fail(now time.Time) {
	m.failures++
	if m.failures == 1 {
		m.doubt(now)
		return
	}
	m.nextProbe = now.Add(min(firstBackoff<<min(m.failures-2, 10), maxBackoff))
}

// doubt begins the time in which m is not healthy, with a probe due at once.
// m.mu is held.
func (m *member) doubt(now time.Time) {
	m.failures = 1
	m.nextProbe = now
	close(m.doubted)
	m.doubted = make(chan struct{})
}

// overtaken says that another server has answered while a is silent. A member
// that has answered nothing to anyone since a began is suspect from now on, and
// a is the probe: it has probeTimeout in all.
func (m *member) overtaken(a *attempt, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.settled {
		return
	}
	a.overtaken = now
	a.cut = time.AfterFunc(a.start.Add(probeTimeout).Sub(now), a.cancel)
	if m.failures == 0 && now.Sub(a.start) >= a.hedge && !m.heard.After(a.start) {
		m.doubt(now)
		m.probe = a
	}
}

// contradicted says that another server had an answer where m gave SERVFAIL or
// REFUSED.
func (m *member) contradicted(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.contradictions++
	if m.contradictions >= maxContradictions && m.failures == 0 {
		m.doubt(now)
	}
}

// forgive makes a probe due, because the way to the server has changed.
func (m *member) forgive(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures = min(m.failures, 2)
	m.nextProbe = now
	m.probe = nil // one over the old way says nothing
}

// observe tells the observer of the end of an exchange.
func (m *member) observe(c Cause, took time.Duration) {
	if m.observer == nil || c == abandoned {
		return
	}
	if c == "" {
		c = resultOK
	}
	m.observer.Exchange(m.label, string(c), took)
}

// report tells the observer of a change between up and down.
func (m *member) report(before, after int) {
	if down := after > 1; m.observer != nil && down != (before > 1) {
		m.observer.Breaker(m.label, down)
	}
}
