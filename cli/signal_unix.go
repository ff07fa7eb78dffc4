//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyReload sends the signal to c that asks for a reload.
func notifyReload(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
