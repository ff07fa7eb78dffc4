// Package cli is tundns's command line: one file a command.
package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"tundns/config"
)

// Version is the version of this source tree.
const Version = "0.1.0"

// Exit codes, as most Unix programs have them.
const (
	exitOK    = 0
	exitError = 1 // it did not work
	exitUsage = 2 // the command line was not understood
)

type commands struct {
	Up      upCmd      `cmd:"" help:"Open the tunnel interface and answer DNS in it until stopped."`
	Check   checkCmd   `cmd:"" help:"Check configuration and lists without starting anything."`
	Explain explainCmd `cmd:"" help:"Say what policy does with a name, and why."`
	Lists   listsCmd   `cmd:"" help:"Look into list files, or have lists fetched."`
	Pause   pauseCmd   `cmd:"" help:"Block nothing for a while."`
	Resume  resumeCmd  `cmd:"" help:"End a pause."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// configFlags are the flags that say which configuration to use.
type configFlags struct {
	Config string `help:"Configuration file. Without one the built-in defaults hold." placeholder:"FILE"`
	WG     string `name:"wg" help:"Run as the WireGuard client that this wg-quick file describes." placeholder:"FILE"`
}

// load reads the configuration that the flags name.
func (f configFlags) load() (*config.Config, error) {
	c := config.Default()
	if f.Config != "" {
		var err error
		if c, err = config.Load(f.Config); err != nil {
			return nil, err
		}
	}
	if f.WG != "" {
		c.Mode, c.WireGuard.Config = config.ModeClient, f.WG
	}
	return c, c.Validate()
}

// streams are where commands write: answers to out, trouble to err.
type streams struct{ out, err io.Writer }

// errReported says that a command failed and has said why.
var errReported = errors.New("already reported")

// Main runs the command that args give and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) (code int) {
	var c commands
	exited := -1
	parser := kong.Must(&c,
		kong.Name("tundns"),
		kong.Description("A caching, policy-aware DNS resolver that lives inside a tunnel."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	ctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited // help was asked for
	}
	if err != nil {
		fmt.Fprintf(stderr, "tundns: %v; see tundns --help\n", err)
		return exitUsage
	}
	if err := ctx.Run(streams{stdout, stderr}); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintf(stderr, "tundns: %s\n", strings.TrimSpace(err.Error()))
		}
		return exitError
	}
	return exitOK
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s streams) error {
	fmt.Fprintf(s.out, "tundns %s\n", Version)
	return nil
}
