package download

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// firstRetry is the wait after a first failure, doubled by each further one
	// up to the list's interval.
	firstRetry = time.Minute

	// glance is how long the schedule sleeps at most. Timers may stand still
	// while a machine sleeps; the wall clock does not.
	glance = 5 * time.Minute

	// gather is how long a new copy waits for others under way, so that lists
	// that come together are loaded together.
	gather = 5 * time.Second
)

// jitter returns d, give or take a tenth, so that the users of a list do not all
// ask for it at once.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// backoff returns the wait after so many failures in a row.
func backoff(failures int, interval time.Duration) time.Duration {
	wait := firstRetry
	for range failures - 1 {
		if wait *= 2; wait >= interval {
			return jitter(interval)
		}
	}
	return jitter(wait)
}

// firstWait returns when a list is due at a start: at once, unless the copy is
// younger than the interval. A copy from the future was made by a clock that was
// wrong.
func firstWait(m *metadata, interval time.Duration, now time.Time) time.Duration {
	if m == nil {
		return 0
	}
	age := now.Sub(m.Checked)
	if age < 0 || age >= interval {
		return 0
	}
	return jitter(interval - age)
}

// wall returns the time by the wall clock alone: sleep counts.
func (r *Refresher) wall() time.Time { return r.now().Round(0) }

// schedule fetches what is due until Close.
func (r *Refresher) schedule() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		wait, changed := r.advance()
		if changed {
			r.changed()
		}
		timer.Reset(wait)
	}
}

// advance begins the fetches that are due, as far as there are slots. It returns
// how long there will be nothing to do unless a fetch ends, and whether Changed is
// to be told now.
func (r *Refresher) advance() (wait time.Duration, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.wall()
	wait = glance
	for _, e := range r.entries {
		if e.call != nil || r.ctx.Err() != nil {
			continue
		}
		left := e.due.Sub(now)
		if left > 0 && left < 2*e.list.Interval { // else the clock was put back
			wait = min(wait, left)
			continue
		}
		select {
		case r.slots <- struct{}{}:
			r.begin(e)
		default: // the end of a fetch wakes the schedule
		}
	}
	if r.unreported.IsZero() {
		return wait, false
	}
	if left := gather - time.Since(r.unreported); r.running > 0 && left > 0 {
		return min(wait, left), false
	}
	r.unreported = time.Time{}
	return wait, true
}

// Retry is for when the network is back: lists whose server could not be reached
// are fetched a minute from now at the latest, instead of when their backoff ends.
// To call it often does no harm.
func (r *Refresher) Retry() {
	r.mu.Lock()
	soon := r.wall().Add(jitter(firstRetry))
	for _, e := range r.entries {
		if e.err != nil && e.err.Reason == Network && soon.Before(e.due) {
			e.due = soon
		}
	}
	r.mu.Unlock()
	r.look()
}

// look has the schedule look for something to do.
func (r *Refresher) look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// join returns the fetch of e, which it begins when there is none. It waits for a
// slot in the caller's goroutine.
func (r *Refresher) join(ctx context.Context, e *entry) (*call, error) {
	held := false
	for {
		r.mu.Lock()
		switch {
		case r.ctx.Err() != nil:
			r.mu.Unlock()
			return nil, ErrClosed // a slot does not matter any more
		case e.call != nil:
			c := e.call
			r.mu.Unlock()
			if held {
				r.release()
			}
			return c, nil
		case held:
			c := r.begin(e)
			r.mu.Unlock()
			return c, nil
		}
		r.mu.Unlock()
		select {
		case r.slots <- struct{}{}:
			held = true
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.ctx.Done():
		}
	}
}

// begin fetches e in the background, in a slot of the caller's that goes over to
// the fetch. The caller holds mu and has seen that r is not closed.
func (r *Refresher) begin(e *entry) *call {
	c := &call{done: make(chan struct{})}
	e.call = c
	r.running++
	r.tasks.Go(func() {
		known := r.load(&e.list)
		fresh, err := r.fetch(r.ctx, &e.list, known)
		if fresh == nil {
			fresh = known
		}
		c.err = r.settle(e, fresh, err)
		close(c.done)
		r.release()
	})
	return c
}

// release gives a slot back, for the schedule to use.
func (r *Refresher) release() {
	<-r.slots
	r.look()
}

// settle takes in how a fetch has ended, m being what is now known of the copy,
// and returns its error.
func (r *Refresher) settle(e *entry, m *metadata, err error) error {
	failure, failed := errors.AsType[*Error](err)
	r.mu.Lock()
	before := e.state
	e.call = nil
	r.running--
	e.copy = m
	// Another process may have replaced the copy, for this one to find.
	changed := m != nil && (before.copy == nil || m.SHA256 != before.copy.SHA256)
	if changed && r.unreported.IsZero() {
		r.unreported = time.Now()
	}
	if m != nil && e.former != nil {
		e.former = nil
		if r.started { // else Start sweeps
			r.sweepLater()
		}
	}
	switch {
	case failed:
		failure.List = e.list.Name
		e.err = failure
		e.failures++
		e.due = r.wall().Add(backoff(e.failures, e.list.Interval))
	case err == nil:
		e.err, e.failures = nil, 0
		e.due = r.wall().Add(jitter(e.list.Interval))
	}
	after := e.state
	r.mu.Unlock()
	if err != nil && !failed {
		return err // Close has ended it
	}
	r.tell(&e.list, before, after, changed)
	if r.observer != nil {
		r.observer.ListFetched(e.list.Name, err)
	}
	return err
}
