package resolver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tundns/cache"
	"tundns/localnames"
	"tundns/policy"
	"tundns/resolver/upstream"
)

// Exchanger asks an upstream group. *upstream.Group is one.
type Exchanger interface {
	// Exchange sends a query in wire form and returns a checked reply to it,
	// which belongs to the caller.
	Exchange(ctx context.Context, query []byte) (upstream.Reply, error)
}

// State is what a reload replaces, in one step: a query sees either the old one
// or the new one.
type State struct {
	Policy   *policy.Policy // nil blocks nothing
	Upstream Exchanger      // the default upstream group, for every name that has no route
	// Group is the name of Upstream. What one group has answered is never
	// another's answer, so a name whose group changes is asked for anew.
	Group  string
	Routes *Routes           // split DNS; nil: none
	Names  *localnames.Names // the user's own records; nil: none
	// PassSubnet lets EDNS Client Subnet options travel upstream (RFC 7871).
	// Such queries are neither answered from the cache nor stored there.
	PassSubnet bool
}

// Observer is told what happens, for metrics. Its methods are called from many
// goroutines at once and must not block. Labels are bounded.
type Observer interface {
	// Query counts a query that could be read.
	Query(transport string, qtype uint16)
	// Response counts an answer; took is the time since the query was read.
	Response(outcome string, rcode int, took time.Duration)
	// Matched counts an answer that a rule of a list decided on; action is what the
	// rule did: allow, block or rewrite.
	Matched(list, action string)
	// Panic counts a panic that a query caused.
	Panic()
	// Overload counts a query that was turned away; scope is "client" or "all".
	Overload(scope string)
	// Coalesced counts a query that shared another one's upstream query.
	Coalesced()
}

// Options are what a Resolver is made of.
type Options struct {
	State    State
	Cache    *cache.Messages // nil: a cache of the default size without stale answers
	Observer Observer        // nil: nobody
	// Log is told of every answer and how long it took from reading the query. It is
	// called from many goroutines at once, must not block, and neither keeps nor
	// changes what it is given. nil: nobody.
	Log func(q *Query, a *Answer, took time.Duration)
	// Version is the text of the answer to version.tundns CH TXT.
	Version string
}

// Resolver is the pipeline. It is a Handler.
type Resolver struct {
	state    atomic.Pointer[State]
	cache    *cache.Messages
	observer Observer
	log      func(q *Query, a *Answer, took time.Duration)
	version  string
	handler  Handler
	flights  flights
	outages  outages
	ctx      context.Context // ends the flights
	cancel   context.CancelFunc
	done     sync.WaitGroup // flights under way
}

// New returns a Resolver. Close ends it.
func New(o Options) *Resolver {
	if o.Cache == nil {
		o.Cache = cache.New(cache.Options{})
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	r := &Resolver{cache: o.Cache, observer: o.Observer, log: o.Log, version: o.Version}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.state.Store(&o.State)
	r.handler = r.pipeline()
	return r
}

// Swap puts a new state in force for the queries that come from now on and
// returns the old one, which queries under way may still be using.
func (r *Resolver) Swap(s State) State { return *r.state.Swap(&s) }

// Resolve answers q. Its only error is ErrWait: trouble becomes a SERVFAIL
// answer with Extended DNS Errors.
func (r *Resolver) Resolve(ctx context.Context, q *Query) (*Answer, error) {
	if q.state == nil {
		q.state = r.state.Load()
	}
	if !q.state.PassSubnet {
		q.subnet = ""
	}
	return r.handler.Resolve(ctx, q)
}

// Close cancels the upstream queries under way and waits for their end.
// Queries that wait for them are answered SERVFAIL.
func (r *Resolver) Close() error {
	r.flights.close()
	r.cancel()
	r.done.Wait()
	return nil
}

type nobody struct{}

func (nobody) Query(string, uint16)                {}
func (nobody) Response(string, int, time.Duration) {}
func (nobody) Matched(string, string)              {}
func (nobody) Panic()                              {}
func (nobody) Overload(string)                     {}
func (nobody) Coalesced()                          {}
