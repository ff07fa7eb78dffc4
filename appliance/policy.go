package appliance

import (
	"context"
	"errors"
	"path/filepath"

	"tundns/blocklists"
	"tundns/config"
	"tundns/dnswire"
	"tundns/localnames"
	"tundns/policy"
)

// newPolicy makes the policy that c describes over a set of lists.
func newPolicy(c *config.Config, set *blocklists.Set, pauses *policy.Pauses) (*policy.Policy, error) {
	o := policy.Options{Set: set, Groups: clientGroups(c), Canaries: c.DNS.Canaries, Pauses: pauses}
	o.Rebinding.On = c.DNS.RebindingProtection
	for _, name := range c.DNS.RebindingAllow {
		o.Rebinding.Allow = append(o.Rebinding.Allow, dnswire.MustName(name))
	}
	return policy.New(o)
}

func clientGroups(c *config.Config) []policy.ClientGroup {
	var out []policy.ClientGroup
	for _, g := range c.Groups {
		mode, _ := policy.ParseBlockMode(g.BlockWith) // validated with the configuration
		cg := policy.ClientGroup{Name: g.Name, Clients: g.Clients, Lists: append([]string{}, g.Lists...), Block: mode, BlockedTypes: g.BlockedTypes}
		if c.StarterList() {
			cg.Lists = []string{blocklists.Starter().Name}
		}
		if len(g.Rules) > 0 {
			cg.Lists = append(cg.Lists, ownRulesName(g.Name))
		}
		for _, engine := range g.SafeSearch {
			e, _ := policy.ParseSafeSearch(engine)
			cg.SafeSearch |= e
		}
		for _, s := range g.Schedules {
			cg.Schedules = append(cg.Schedules, schedule(s))
		}
		out = append(out, cg)
	}
	return out
}

func schedule(s config.Schedule) policy.Schedule {
	out := policy.Schedule{From: s.From, To: s.To, Location: s.Location, Lists: s.Lists,
		Everything: s.Block == config.BlockEverything, Off: s.Block == config.BlockNothing}
	for day, on := range s.Days {
		if on {
			out.Days |= 1 << day
		}
	}
	return out
}

// runTests asks r's policy what the policy tests of its configuration ask. The
// error has a line for each that came out otherwise. While a list has never been
// fetched there is no telling: the load that follows the fetch runs them.
func (r *ruleset) runTests() error {
	c := r.config
	if len(r.missing) > 0 {
		return nil
	}
	var errs []error
	for _, t := range c.Tests {
		expect, err := policy.ParseExpect(t.Expect)
		if err == nil {
			err = r.policy.Check(&policy.Test{Name: dnswire.MustName(t.Name), Type: t.Type, Client: t.Client, Expect: expect})
		}
		if err != nil {
			errs = append(errs, c.Errorf(t.At, "policy test: %v", err))
		}
	}
	return errors.Join(errs...)
}

// ownNames are the records and hosts files of c.
func ownNames(c *config.Config) (*localnames.Names, []localnames.Report, error) {
	var (
		b       localnames.Builder
		reports []localnames.Report
		errs    []error
	)
	for _, record := range c.Local.Records {
		if err := b.Add(record.Value); err != nil {
			errs = append(errs, c.Errorf(record.At, "%v", err))
		}
	}
	for _, path := range c.Local.Hosts {
		report, err := readHosts(&b, path)
		if err != nil {
			errs = append(errs, err)
		}
		reports = append(reports, report)
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	names, err := b.Build()
	var line *localnames.LineError
	if errors.As(err, &line) && line.Index < len(c.Local.Records) {
		err = c.Errorf(c.Local.Records[line.Index].At, "%v", err)
	}
	return names, reports, err
}

func readHosts(b *localnames.Builder, path string) (localnames.Report, error) {
	f, err := openFile(path)
	if err != nil {
		return localnames.Report{}, err
	}
	defer f.Close()
	return b.Hosts(path, f)
}

// loadLists loads the sources, or takes their compiled form from the state
// folder. That it cannot be kept there is only worth a warning.
func loadLists(ctx context.Context, c *config.Config, list []blocklists.Source, with surroundings) (*blocklists.Set, []blocklists.Report, error) {
	l := blocklists.Loader{File: filepath.Join(stateFolder(c), "lists.compiled"), Background: with.background}
	set, reports, err := l.Load(ctx, list)
	if l.Trouble != nil && with.log != nil {
		with.log.Warn("the compiled lists cannot be kept, so the next start will take longer", "error", l.Trouble)
	}
	return set, reports, err
}
