package cli

import (
	"context"
	"fmt"
	"slices"

	"tundns/appliance"
)

type checkCmd struct{ configFlags }

// Run checks the configuration, and prints what each list gives and which of
// its lines give nothing.
func (cmd *checkCmd) Run(s streams) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	report, err := appliance.Check(context.Background(), c)
	if err != nil {
		return err
	}
	for _, r := range report.Lists {
		if slices.Contains(report.Missing, r.List) {
			fmt.Fprintf(s.out, "list %s: not fetched yet (%s)\n", r.List, r.Path)
			continue
		}
		fmt.Fprintf(s.out, "list %s: %d rules", r.List, r.Rules)
		if r.Duplicates > 0 {
			fmt.Fprintf(s.out, ", %d duplicates", r.Duplicates)
		}
		if r.Skipped > 0 {
			fmt.Fprintf(s.out, ", %d lines skipped", r.Skipped)
		}
		fmt.Fprintf(s.out, " (%s, %s format)\n", r.Path, r.Format)
		for _, p := range r.Problems {
			skipped(s, r.Path, p.Line, p.Reason, p.Text)
		}
		more(s, r.Skipped, len(r.Problems))
	}
	for _, r := range report.Hosts {
		fmt.Fprintf(s.out, "hosts file %s: %d names\n", r.File, r.Names)
		for _, p := range r.Problems {
			skipped(s, r.File, p.Line, p.Reason, p.Text)
		}
		more(s, r.Skipped, len(r.Problems))
	}
	switch {
	case report.Tests > 0:
		fmt.Fprintf(s.out, "policy tests: %d passed\n", report.Tests)
	case len(c.Tests) > 0:
		fmt.Fprintf(s.out, "policy tests: none run before all lists are fetched\n")
	}
	file := cmd.Config
	if file == "" {
		file = "built-in defaults"
	}
	fmt.Fprintf(s.out, "%s: OK\n", file)
	return nil
}

// skipped tells of a line that gave nothing.
func skipped(s streams, path string, line int, reason, text string) {
	fmt.Fprintf(s.out, "  %s:%d: skipped: %s: %s\n", path, line, reason, text)
}

// more tells how many lines were skipped beside those shown.
func more(s streams, skipped, shown int) {
	if n := skipped - shown; n > 0 && shown > 0 {
		fmt.Fprintf(s.out, "  and %d more\n", n)
	}
}
