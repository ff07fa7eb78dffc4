package appliance

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// TestReloadDuringClose: a reload that a service is about to begin when everything
// is closed does nothing, and Close does not wait for it for ever.
func TestReloadDuringClose(t *testing.T) {
	a := &Appliance{log: slog.New(slog.DiscardHandler)}
	a.ctx, a.cancel = context.WithCancel(t.Context())
	closing, reloaded := make(chan struct{}), make(chan error, 1)
	a.onClose(func() { close(closing) })
	a.running.Go(func() {
		<-closing
		reloaded <- a.Reload()
	})
	a.Close()
	if err := <-reloaded; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
