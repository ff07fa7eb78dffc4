package e2e

import (
	"errors"
	"os/exec"
	"strings"
)

// refused runs a tundns command that must fail with exit code 1 and say all this.
func (h *host) refused(args []string, says ...string) {
	h.t.Helper()
	out, code := h.finish(args...)
	if code != 1 {
		h.t.Errorf("tundns %s: exit code %d, want 1", strings.Join(args, " "), code)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			h.t.Errorf("tundns %s does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
}

// finish runs a tundns command to its end and returns what it printed and its
// exit code.
func (h *host) finish(args ...string) (out string, code int) {
	h.t.Helper()
	out, err := h.try(tundns, args...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return out, exit.ExitCode()
	case err != nil:
		h.t.Fatal(err)
	}
	return out, 0
}
