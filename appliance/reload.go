package appliance

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"tundns/config"
	"tundns/resolver/upstream"
)

// Reload reads configuration and lists anew and puts them in force in one step.
// When anything is wrong with them the old ones stay, and the error says what.
// Queries go on meanwhile; none sees half a policy.
func (a *Appliance) Reload() (err error) {
	a.reload.Lock()
	defer a.reload.Unlock()
	if err := a.ctx.Err(); err != nil {
		return err // closed
	}
	start := time.Now()
	defer func() {
		a.metrics.Reload(err, time.Since(start))
		if err != nil {
			a.log.Error("reload failed; what was in force stays", "error", err)
		}
	}()
	c, err := a.load()
	if err != nil {
		return err
	}
	old := a.current.Load()
	if err := checkEmptiedConfig(old.config, c); err != nil {
		return err
	}
	for _, list := range old.gone() {
		a.running.Go(func() { old.refresher.Refresh(a.ctx, list) }) // logs its error itself; success is another reload
	}
	with := a.surroundings()
	with.background = true
	next, err := compile(a.ctx, c, with, old)
	if err != nil {
		return err
	}
	if err := next.runTests(); err != nil {
		next.closeBut(old)
		return err
	}
	a.current.Store(next)
	a.resolver.Swap(next.state())
	if next.refresher != old.refresher {
		a.startFetching(old)
	}
	for _, g := range old.upstreams {
		if !slices.Contains(next.upstreams, g) {
			a.retire(g)
		}
	}
	if b := old.bootstrap; b != nil && b != next.bootstrap {
		a.retire(b)
	}
	returnMemory(old.set, next.set)
	for _, key := range fixed(old.config, c) {
		a.log.Warn("a changed setting takes effect at the next start", "setting", key)
	}
	warnShrunk(a.log, old, next)
	a.log.Info("reloaded", append(difference(old, next), "took", time.Since(start).Round(time.Millisecond).String())...)
	a.rewatch()
	return nil
}

// retire closes an upstream group, or what finds its servers, when the queries
// under way can have ended.
func (a *Appliance) retire(g io.Closer) {
	a.running.Go(func() {
		select {
		case <-time.After(upstream.Budget):
		case <-a.ctx.Done():
		}
		g.Close()
	})
}

// fixed names the settings that differ and that only a start can change.
func fixed(old, c *config.Config) []string {
	var keys []string
	for _, s := range []struct {
		key  string
		same bool
	}{
		{"mode", old.Mode == c.Mode},
		{"tun", reflect.DeepEqual(old.TUN, c.TUN)},
		{"wireguard", old.WireGuard == c.WireGuard},
		{"dns.addresses", reflect.DeepEqual(old.DNS.Addresses, c.DNS.Addresses)},
		{"cache", old.Cache == c.Cache},
		{"metrics.listen", old.Metrics == c.Metrics},
	} {
		if !s.same {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// difference tells what a reload changed, for the log: rules by list, the number
// of names of the user's own, and which upstream groups are new.
func difference(old, next *ruleset) []any {
	before := make(map[string]int)
	for _, r := range old.reports {
		before[r.List] = r.Rules
	}
	var out []any
	for _, r := range next.reports {
		n, known := before[r.List]
		switch {
		case !known:
			out = append(out, r.List, fmt.Sprintf("new, %d rules", r.Rules))
		case n != r.Rules:
			out = append(out, r.List, fmt.Sprintf("%d rules, were %d", r.Rules, n))
		}
		delete(before, r.List)
	}
	for name := range before {
		out = append(out, name, "gone")
	}
	if was, n := old.names.Len(), next.names.Len(); n != was {
		out = append(out, "names of our own", fmt.Sprintf("%d, were %d", n, was))
	}
	for i, g := range next.upstreams {
		if !slices.Contains(old.upstreams, g) {
			out = append(out, "upstream group "+next.config.Upstreams[i].Name, "new")
		}
	}
	return out
}
