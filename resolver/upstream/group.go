package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

// Budget is how long a query may take in all: stub resolvers give up after 5 s
// (resolv.conf(5)), and must hear what went wrong before that.
const Budget = 4 * time.Second

// Observer is told what a group's servers do, for metrics. Its methods are
// called from several goroutines at once and must not block. The names of
// servers and results are few and fixed.
type Observer interface {
	// Exchange is called at the end of each exchange with a server. result is
	// "ok" or one of the Causes.
	Exchange(upstream, result string, took time.Duration)
	// Breaker is called when a server goes down (open) and when it is back.
	Breaker(upstream string, open bool)
}

// Options say what a group is made of.
type Options struct {
	Name       string      // in errors
	Transports []Transport // in the order of preference; the group closes them
	Strategy   Strategy    // which of them comes first
	Observer   Observer    // nil: none
}

// Group asks several servers as if they were one. See the package comment for
// its rules. Use NewGroup.
type Group struct {
	*lifetime
	name      string
	strategy  Strategy
	members   []*member
	favourite atomic.Pointer[member] // of Fastest: first at the last query, nil at the start
	queries   atomic.Uint64          // so far; of Fastest
}

// NewGroup returns a group of o.Transports. It sends nothing by itself.
func NewGroup(o Options) *Group {
	g := &Group{lifetime: newLifetime(), name: o.Name, strategy: o.Strategy}
	for i, t := range o.Transports {
		g.members = append(g.members, newMember(i, t, o.Observer))
	}
	return g
}

// Reply is an answer and where it came from.
type Reply struct {
	Message  []byte // belongs to the caller
	Upstream string // the String of the Transport
}

// Exchange asks the group's servers and returns the first final answer, or else
// the best reply that there is: any rcode of any server comes before an error.
// It returns by Budget or the end of ctx, whichever is first. Without a reply
// the error is an *Error, ErrClosed, ErrQuery or, when the caller has cancelled
// ctx, context.Canceled. query is neither changed nor kept.
func (g *Group) Exchange(ctx context.Context, query []byte) (Reply, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil || dnswire.QuestionCount(query) != 1 {
		return Reply{}, ErrQuery
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	if err := g.enter(); err != nil {
		return Reply{}, err
	}
	defer g.leave()
	if len(g.members) == 0 {
		return Reply{}, &Error{Group: g.name}
	}
	return newInquiry(g, query).run(ctx)
}

// State is what a group knows of one server.
type State struct {
	Upstream string        // the String of the Transport
	Open     bool          // the breaker is open: the server is down
	Latency  time.Duration // of 95 of 100 answers; 0 before there are enough
	InFlight int           // exchanges in progress
}

// State returns the servers' states in the group's order.
func (g *Group) State() []State {
	states := make([]State, len(g.members))
	for i, m := range g.members {
		d, _ := m.rtt.p95()
		m.mu.Lock()
		states[i] = State{m.label, m.failures > 1, d, m.inFlight}
		m.mu.Unlock()
	}
	return states
}

// Reset drops pooled connections and makes servers that are down due for a
// probe, because the way to them has changed: a route, a tunnel, a sleep.
func (g *Group) Reset() {
	for _, m := range g.members {
		m.transport.Reset()
		m.forgive(time.Now())
	}
}

// Close ends all exchanges, waits for their goroutines and closes the
// transports.
func (g *Group) Close() error {
	g.end()
	var errs []error
	for _, m := range g.members {
		errs = append(errs, m.transport.Close())
	}
	return errors.Join(errs...)
}
