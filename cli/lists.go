package cli

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"tundns/blocklists"
)

type listsCmd struct {
	Lint    lintCmd    `cmd:"" help:"Report what is wrong, double or needless in list files."`
	Diff    diffCmd    `cmd:"" help:"Show what one version of a list blocks and the other does not."`
	Refresh refreshCmd `cmd:"" help:"Have the running tundns fetch lists now."`
}

// formatFlag says how list files are to be read.
type formatFlag struct {
	Format     string `help:"How the files are to be read: auto, hosts, domains, adblock, dnsmasq, unbound or rpz." default:"auto"`
	Subdomains bool   `help:"A bare name in a domain list stands for what is under it, too." default:"true" negatable:""`
}

// source is the list in a file, called by the file's name.
func (f formatFlag) source(path string) (blocklists.Source, error) {
	format, err := blocklists.ParseFormat(f.Format)
	return blocklists.Source{Name: filepath.Base(path), Path: path, Format: format, ExactDomains: !f.Subdomains}, err
}

type lintCmd struct {
	formatFlag
	Files []string `arg:"" help:"List files."`
}

// Run prints a line with file:line for each finding. Findings are a failure, as
// with other linters.
func (cmd *lintCmd) Run(s streams) error {
	var sources []blocklists.Source
	for _, path := range cmd.Files {
		source, err := cmd.source(path)
		if err != nil {
			return err
		}
		source.Name = path // two files may have one base name
		sources = append(sources, source)
	}
	found := 0
	err := blocklists.Lint(context.Background(), sources, func(f blocklists.Finding) {
		found++
		fmt.Fprintln(s.out, f)
	})
	if err != nil {
		return err
	}
	if found > 0 {
		return errReported
	}
	return nil
}

type diffCmd struct {
	formatFlag
	Old string `arg:"" help:"The list as it was."`
	New string `arg:"" help:"The list as it shall be."`
}

// Run prints the rules that change what is blocked: with + what is blocked newly,
// with - what is blocked no more.
func (cmd *diffCmd) Run(s streams) error {
	was, err := cmd.source(cmd.Old)
	if err != nil {
		return err
	}
	is, err := cmd.source(cmd.New)
	if err != nil {
		return err
	}
	d, err := blocklists.Diff(context.Background(), was, is)
	if err != nil {
		return err
	}
	for _, r := range d.Unblocked {
		fmt.Fprintf(s.out, "- %s:%d: %v\n", cmd.Old, r.Line, r)
	}
	for _, r := range d.Blocked {
		fmt.Fprintf(s.out, "+ %s:%d: %v\n", cmd.New, r.Line, r)
	}
	fmt.Fprintf(s.out, "%d newly blocked, %d no longer blocked\n", len(d.Blocked), len(d.Unblocked))
	return nil
}

type refreshCmd struct {
	interfaceFlag
	List string `arg:"" optional:"" help:"Only this list."`
}

// Run fetches lists now, whatever their interval.
func (cmd *refreshCmd) Run(s streams) error {
	return cmd.command(s, "refresh", url.Values{"list": {cmd.List}})
}
