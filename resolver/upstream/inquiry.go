package upstream

import (
	"context"
	"errors"
	"slices"
	"time"
)

// How long a query with a non-final reply in hand waits for the servers that
// have not replied yet: a healthy one may need a new connection and a recursion;
// one that is not gets what a healthy one gets before it is hedged.
const (
	healthyGrace = 2 * time.Second
	doubtedGrace = maxHedge
)

// inquiry is one query on its way through a group. Its methods run in the
// goroutine of Exchange; each attempt runs in one of its own and may outlive it.
type inquiry struct {
	group    *Group
	order    []*member // in which they are asked while all are healthy
	query    []byte
	deadline time.Time
	results  chan result // one place for each member: attempts never block
	attempts []*attempt  // in the order of their start, one for each member asked
	last     *attempt    // the latest in turn; not nil after the first advance

	best     Reply // of the replies so far
	bestRank int
	failures []Failure // by member.place; without a Cause for those that did not fail
	evasive  []*member // gave SERVFAIL or REFUSED
}

func newInquiry(g *Group, query []byte) *inquiry {
	return &inquiry{
		group:    g,
		order:    g.order(),
		query:    append([]byte(nil), query...), // attempts outlive the call
		deadline: time.Now().Add(Budget),
		results:  make(chan result, len(g.members)),
		attempts: make([]*attempt, 0, len(g.members)),
	}
}

func (q *inquiry) run(ctx context.Context) (Reply, error) {
	q.advance()
	q.probe()
	timer := time.NewTimer(time.Until(q.wake()))
	defer timer.Stop()
	for !q.over() {
		var doubted <-chan struct{}
		if q.last.pending && q.last.healthy && q.next() != nil {
			doubted = q.last.doubted
		}
		select {
		case r := <-q.results:
			q.take(r)
		case <-doubted: // another query has found this server silent
			q.advance()
		case <-timer.C:
			if q.next() == nil || !time.Now().Before(q.deadline) {
				return q.conclude()
			}
			q.advance()
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return Reply{}, ctx.Err()
			}
			return q.conclude()
		case <-q.group.ctx.Done():
			return Reply{}, ErrClosed
		}
		timer.Reset(time.Until(q.wake()))
	}
	return q.conclude()
}

// over reports whether nothing better can come.
func (q *inquiry) over() bool {
	if q.bestRank == rankFinal {
		return true
	}
	for _, a := range q.attempts {
		if a.pending {
			return false
		}
	}
	return q.next() == nil
}

// next returns the member to ask next: the first healthy one that has not been
// asked, else the first that has not.
func (q *inquiry) next() *member {
	var other *member
	for _, m := range q.order {
		switch {
		case q.asked(m):
		case m.healthy():
			return m
		case other == nil:
			other = m
		}
	}
	return other
}

func (q *inquiry) asked(m *member) bool {
	for _, a := range q.attempts {
		if a.member == m {
			return true
		}
	}
	return false
}

// probe sends a copy of the query to the members that are due for a probe, and to
// the one whose speed is to be learnt. When the member asked first is not healthy
// there is no need: none is, and the query itself probes all.
func (q *inquiry) probe() {
	if !q.last.healthy {
		return
	}
	for _, m := range q.order {
		if q.asked(m) {
			continue
		}
		if a := m.beginProbe(time.Now()); a != nil {
			q.start(a)
		}
	}
	if q.group.strategy != Fastest {
		return
	}
	if m := q.group.sample(q.group.queries.Add(1), q.order); m != nil && m.healthy() && !q.asked(m) {
		if a, err := m.begin(time.Now()); err == nil {
			q.start(a)
		}
	}
}

// advance asks the next member, if there is one.
func (q *inquiry) advance() {
	for m := q.next(); m != nil; m = q.next() {
		a, err := m.begin(time.Now())
		q.last = a
		if err == nil {
			q.start(a)
			return
		}
		q.attempts = append(q.attempts, a)
		q.failed(m, Overloaded, err)
		m.observe(Overloaded, 0)
	}
}

func (q *inquiry) start(a *attempt) {
	ctx, cancel := context.WithDeadline(q.group.ctx, q.deadline)
	a.cancel = cancel
	a.pending = true
	q.attempts = append(q.attempts, a)
	q.group.wg.Go(func() {
		defer cancel()
		q.results <- a.exchange(ctx, q.query)
	})
}

// take takes in a result. A failure of the latest server in turn makes the next
// one's turn come at once; other failures change nothing.
func (q *inquiry) take(r result) {
	r.attempt.pending = false
	m := r.attempt.member
	if r.rank > q.bestRank {
		q.best, q.bestRank = Reply{r.reply, m.label}, r.rank
	}
	switch r.cause {
	case "":
		return
	case Servfail, QueryRefused:
		q.evasive = append(q.evasive, m)
	}
	q.failed(m, r.cause, r.err)
	if r.attempt == q.last {
		q.advance()
	}
}

// wake is when to go on without a result: to ask the next server, or to conclude
// when there is none.
func (q *inquiry) wake() time.Time {
	at := q.deadline
	if m := q.next(); m != nil {
		silence := q.last.hedge
		if q.last.healthy && !m.healthy() {
			silence = maxHedge // one that is down is worth asking when the others fail
		}
		return earlier(at, q.last.start.Add(silence))
	}
	if q.bestRank == 0 {
		return at
	}
	var patience time.Time
	for _, a := range q.attempts {
		grace := doubtedGrace
		if a.healthy {
			grace = healthyGrace
		}
		if end := a.start.Add(grace); a.pending && end.After(patience) {
			patience = end
		}
	}
	return earlier(at, patience)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// conclude returns what there is, and lets the members know what a final answer
// says of those that did not give it.
func (q *inquiry) conclude() (Reply, error) {
	if q.bestRank == rankFinal {
		now := time.Now()
		for _, a := range q.attempts {
			if a.pending {
				a.member.overtaken(a, now)
			}
		}
		for _, m := range q.evasive {
			m.contradicted(now)
		}
	}
	if q.bestRank > 0 {
		return q.best, nil
	}
	if q.group.ctx.Err() != nil {
		return Reply{}, ErrClosed
	}
	for _, a := range q.attempts {
		if a.pending {
			q.failed(a.member, Timeout, context.DeadlineExceeded)
		}
	}
	return Reply{}, &Error{q.group.name, slices.DeleteFunc(q.failures, func(f Failure) bool { return f.Cause == "" })}
}

func (q *inquiry) failed(m *member, c Cause, err error) {
	if q.failures == nil {
		q.failures = make([]Failure, len(q.group.members))
	}
	q.failures[m.place] = Failure{m.label, c, err}
}
