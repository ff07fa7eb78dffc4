package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"tundns/appliance"
)

// interfaceFlag says which running tundns is meant.
type interfaceFlag struct {
	Interface string `help:"The interface of the running tundns; needed where there are several." placeholder:"NAME"`
}

// command has the running tundns carry out a command and prints what it says.
func (f interfaceFlag) command(s streams, name string, parameters url.Values) error {
	text, err := appliance.Command(context.Background(), f.Interface, name, parameters)
	if err == nil {
		_, err = fmt.Fprint(s.out, text)
	}
	return err
}

type pauseCmd struct {
	interfaceFlag
	For   time.Duration `arg:"" help:"How long nothing is blocked, such as 10m or 1h30m."`
	Group string        `help:"Only this client group." placeholder:"NAME"`
}

// Run suspends blocking for a time.
func (cmd *pauseCmd) Run(s streams) error {
	return cmd.command(s, "pause", url.Values{"for": {cmd.For.String()}, "group": {cmd.Group}})
}

type resumeCmd struct {
	interfaceFlag
	Group string `help:"Only this client group." placeholder:"NAME"`
}

// Run ends a pause.
func (cmd *resumeCmd) Run(s streams) error {
	return cmd.command(s, "resume", url.Values{"group": {cmd.Group}})
}
