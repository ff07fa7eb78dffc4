package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tundns/dnswire"
)

const (
	// Addresses are asked for again when their TTL is over, within these bounds:
	// a server's address seldom changes, and a query for it shows to the network
	// which server is used.
	minRefresh = time.Minute
	maxRefresh = 24 * time.Hour

	// After a failure there is no other try for firstRetry, then for twice as
	// long, and so on up to maxRetry.
	firstRetry = time.Second
	maxRetry   = time.Minute

	// maxBootstrapAddrs bounds the addresses of one name and family.
	maxBootstrapAddrs = 8
)

// BootstrapOptions say how the addresses of servers by name are found.
type BootstrapOptions struct {
	// Transports are asked as a group asks its own; the Bootstrap closes them.
	// None of them may use it.
	Transports []Transport
	// Observer is told of the queries, nil: none. The servers' names begin with
	// "bootstrap " there.
	Observer Observer
	// File keeps the last good addresses, "" for none.
	File string
	// Own are addresses of this program's, which no server has.
	Own []netip.Addr
	// Trouble is told of what is wrong with File, nil: nobody.
	Trouble func(error)
}

// Bootstrap finds out where the servers are that are given by name. It asks when
// an address is needed, and again while it is in use and its TTL is over; until
// there are new addresses, and when there are none, the last good ones do. Use
// NewBootstrap.
type Bootstrap struct {
	*lifetime
	group   *Group
	file    string
	own     []netip.Addr
	trouble func(error)

	mu    sync.Mutex
	known map[dnswire.Name]*located

	saving sync.Mutex // held while the file is written
}

// located is what is known of a name.
type located struct {
	addrs    []netip.Addr  // the last good ones
	due      time.Time     // no query before this
	failures int           // in a row
	err      error         // of the last query
	asking   chan struct{} // closed when the query in progress ends; nil: none
}

// NewBootstrap returns a Bootstrap that knows what the file says. It sends nothing
// by itself.
func NewBootstrap(o BootstrapOptions) *Bootstrap {
	b := &Bootstrap{
		lifetime: newLifetime(), file: o.File, own: o.Own, trouble: o.Trouble,
		known: make(map[dnswire.Name]*located),
	}
	if b.trouble == nil {
		b.trouble = func(error) {}
	}
	var transports []Transport
	for _, t := range o.Transports {
		transports = append(transports, bootstrapServer{t})
	}
	b.group = NewGroup(Options{Name: "bootstrap", Transports: transports, Observer: o.Observer})
	saved, err := readAddresses(b.file)
	if err != nil {
		b.trouble(err)
	}
	for name, addrs := range saved {
		if addrs = b.usable(addrs); len(addrs) > 0 {
			b.known[name] = &located{addrs: addrs}
		}
	}
	return b
}

// bootstrapServer is a Transport that can be told from one to the same server in
// a group.
type bootstrapServer struct{ Transport }

func (s bootstrapServer) String() string { return "bootstrap " + s.Transport.String() }

// Close ends queries and closes the transports.
func (b *Bootstrap) Close() error {
	b.end()
	return b.group.Close()
}

// Find returns the addresses of name: the last ones known, or the ones that the
// servers give when there are none yet. Addresses of our own are not among them.
func (b *Bootstrap) Find(ctx context.Context, name dnswire.Name) ([]netip.Addr, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	b.mu.Lock()
	l := b.known[name]
	if l == nil {
		l = new(located)
		b.known[name] = l
	}
	if l.asking == nil && !time.Now().Before(l.due) {
		l.asking = make(chan struct{})
		b.wg.Go(func() { b.refresh(name, l) })
	}
	addrs, err, asking := l.addrs, l.err, l.asking
	b.mu.Unlock()
	if len(addrs) > 0 || asking == nil {
		return addrs, err
	}
	select {
	case <-asking:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return l.addrs, l.err
}

// refresh asks for the addresses of name.
func (b *Bootstrap) refresh(name dnswire.Name, l *located) {
	addrs, ttl, err := b.ask(name)
	now := time.Now()
	b.mu.Lock()
	changed := err == nil && !slices.Equal(addrs, l.addrs)
	if err == nil {
		l.addrs, l.err, l.failures = addrs, nil, 0
		l.due = now.Add(ttl)
	} else {
		if len(l.addrs) == 0 {
			l.err = err
		}
		l.due = now.Add(min(firstRetry<<min(l.failures, 10), maxRetry))
		l.failures++
	}
	close(l.asking)
	l.asking = nil
	b.mu.Unlock()
	if changed {
		b.save()
	}
}

// ask returns the addresses of name, those of IPv4 first, and how long they hold.
func (b *Bootstrap) ask(name dnswire.Name) ([]netip.Addr, time.Duration, error) {
	type found struct {
		addrs []netip.Addr
		ttl   time.Duration
		err   error
	}
	types := []uint16{dnswire.TypeA, dnswire.TypeAAAA}
	results := make([]found, len(types))
	var wg sync.WaitGroup
	for i, typ := range types {
		wg.Go(func() {
			r := &results[i]
			r.addrs, r.ttl, r.err = b.askType(name, typ)
		})
	}
	wg.Wait()
	var all []netip.Addr
	ttl := maxRefresh
	var errs []error
	for _, r := range results {
		if len(r.addrs) > 0 {
			all, ttl = append(all, r.addrs...), min(ttl, r.ttl)
		}
		errs = append(errs, r.err)
	}
	switch err := errors.Join(errs...); {
	case len(all) > 0:
		return all, max(ttl, minRefresh), nil
	case err != nil:
		return nil, 0, fmt.Errorf("bootstrap: where is %s: %w", name.Text(), err)
	}
	return nil, 0, fmt.Errorf("bootstrap: %s has no address", name.Text())
}

func (b *Bootstrap) askType(name dnswire.Name, typ uint16) ([]netip.Addr, time.Duration, error) {
	query := dnswire.AppendQuestion(nil, 0, dnswire.FlagRD, dnswire.Question{Name: name, Type: typ, Class: dnswire.ClassIN})
	query = dnswire.AppendOPT(query, dnswire.OPT{UDPSize: bootstrapUDPSize})
	dnswire.SetCount(query, dnswire.Additional, 1)
	reply, err := b.group.Exchange(b.ctx, query)
	if err != nil {
		return nil, 0, err
	}
	if rcode := dnswire.Rcode(reply.Message); rcode != dnswire.RcodeSuccess {
		return nil, 0, fmt.Errorf("%s says rcode %d", reply.Upstream, rcode)
	}
	addrs, ttl := addressesIn(reply.Message, name, typ)
	return b.usable(addrs), ttl, nil
}

// bootstrapUDPSize is what fits into any path's MTU (DNS flag day 2020), in bytes.
const bootstrapUDPSize = 1232

// addressesIn returns the addresses that a checked reply has for name or what its
// CNAMEs lead to, and the shortest TTL of the way there.
func addressesIn(reply []byte, name dnswire.Name, typ uint16) (addrs []netip.Addr, ttl time.Duration) {
	chain := dnswire.Chain(reply, name)
	ttl = maxRefresh
	for it := dnswire.NewRecords(reply); it.Next() && it.RR.Section == dnswire.Answer; {
		if it.RR.Type != typ && it.RR.Type != dnswire.TypeCNAME || it.RR.Class != dnswire.ClassIN ||
			!slices.ContainsFunc(chain, func(n dnswire.Name) bool { return dnswire.IsName(reply, it.RR.Owner, n) }) {
			continue
		}
		ttl = min(ttl, time.Duration(it.RR.TTL)*time.Second)
		if a, ok := netip.AddrFromSlice(reply[it.RR.Data:it.RR.End]); ok && it.RR.Type == typ {
			addrs = append(addrs, a)
		}
	}
	return addrs, ttl
}

// usable returns those of addrs that a server may have.
func (b *Bootstrap) usable(addrs []netip.Addr) (good []netip.Addr) {
	for _, a := range addrs {
		a = a.Unmap()
		if isServerAddr(a) && !slices.Contains(b.own, a) && !slices.Contains(good, a) && len(good) < maxBootstrapAddrs {
			good = append(good, a)
		}
	}
	return good
}
