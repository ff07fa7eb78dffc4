package cli

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"tundns/appliance"
)

type upCmd struct{ configFlags }

// Run starts the appliance and keeps it until SIGINT, SIGTERM or a failure.
// SIGHUP reloads.
func (cmd *upCmd) Run(s streams) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	// Before the start, so that none is missed that comes during it.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	hup := make(chan os.Signal, 1)
	notifyReload(hup)
	defer signal.Stop(hup)

	log := slog.New(slog.NewTextHandler(s.err, nil))
	slog.SetDefault(log)
	a, err := appliance.Start(appliance.Options{Config: c, Load: cmd.load, Version: Version, Log: log})
	if err != nil {
		return err
	}
	defer a.Close()
	a.Screen(s.out)
	if err := notify("READY=1"); err != nil {
		log.Warn("systemd cannot be told that we are ready", "error", err)
	}
	for {
		select {
		case <-stop:
			notify("STOPPING=1")
			return nil
		case <-hup:
			notify(reloading())
			a.Reload() // logs its error itself
			notify("READY=1")
		case err := <-a.Failed():
			return err
		}
	}
}
