package cli

import (
	"context"
	"fmt"

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
	reports, err := appliance.Check(context.Background(), c)
	if err != nil {
		return err
	}
	for _, r := range reports {
		fmt.Fprintf(s.out, "list %s: %d rules", r.List, r.Rules)
		if r.Duplicates > 0 {
			fmt.Fprintf(s.out, ", %d duplicates", r.Duplicates)
		}
		if r.Skipped > 0 {
			fmt.Fprintf(s.out, ", %d lines skipped", r.Skipped)
		}
		fmt.Fprintf(s.out, " (%s, %s format)\n", r.Path, r.Format)
		for _, p := range r.Problems {
			fmt.Fprintf(s.out, "  %s:%d: skipped: %s: %s\n", r.Path, p.Line, p.Reason, p.Text)
		}
		if more := r.Skipped - len(r.Problems); more > 0 && len(r.Problems) > 0 {
			fmt.Fprintf(s.out, "  and %d more\n", more)
		}
	}
	file := cmd.Config
	if file == "" {
		file = "built-in defaults"
	}
	fmt.Fprintf(s.out, "%s: OK\n", file)
	return nil
}
