package appliance

import (
	"context"

	"tundns/blocklists"
	"tundns/config"
	"tundns/localnames"
)

// Report is what Check found in a configuration that could be started.
type Report struct {
	Lists   []blocklists.Report
	Missing []string            // lists with a URL that have not been fetched yet
	Hosts   []localnames.Report // of the imported hosts files
	Tests   int                 // policy tests, all passed; none are run while a list is missing
}

// Check builds everything that c names short of opening a tunnel or asking an
// upstream, and runs the policy tests. Lists that have a URL are as they were
// last fetched. c must be valid.
func Check(ctx context.Context, c *config.Config) (Report, error) {
	if _, _, err := tunnelOptions(c); err != nil {
		return Report{}, err
	}
	r, err := compile(ctx, c, offline, nil)
	if err != nil {
		return Report{}, err
	}
	defer r.close()
	report := Report{Lists: r.reports, Missing: r.missing, Hosts: r.hosts}
	if len(r.missing) == 0 {
		report.Tests = len(c.Tests)
	}
	return report, r.runTests()
}
