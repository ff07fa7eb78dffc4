package appliance

import (
	"fmt"
	"reflect"
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
	next, err := compile(a.ctx, c, a.metrics, old)
	if err != nil {
		return err
	}
	a.current.Store(next)
	a.resolver.Swap(next.state())
	if next.upstreams != old.upstreams {
		a.retire(old.upstreams)
	}
	for _, key := range fixed(old.config, c) {
		a.log.Warn("a changed setting takes effect at the next start", "setting", key)
	}
	a.log.Info("reloaded", append(difference(old, next), "took", time.Since(start).Round(time.Millisecond).String())...)
	a.rewatch()
	return nil
}

// retire closes upstreams when the queries under way can have ended.
func (a *Appliance) retire(g *upstream.Group) {
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
		{"dns", reflect.DeepEqual(old.DNS, c.DNS)},
		{"cache", old.Cache == c.Cache},
		{"metrics.listen", old.Metrics == c.Metrics},
	} {
		if !s.same {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// difference tells what a reload changed, for the log: rules by list and
// whether upstreams are new.
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
	if old.upstreams != next.upstreams {
		out = append(out, "upstreams", "new")
	}
	return out
}
