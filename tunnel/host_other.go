//go:build !linux

package tunnel

import (
	"fmt"
	"runtime"
)

// host sets addresses and routes. On this platform it does neither.
type host struct{}

func newHost(Options) (*host, error) { return &host{}, nil }

func (h *host) adopt(string) error { return nil }

func (h *host) warned() []string { return nil }

func (h *host) up() error {
	return fmt.Errorf("setting addresses on %s is not supported in this version", runtime.GOOS)
}

func (h *host) close(closeTUN func() error) error { return closeTUN() }

func createError(name string, err error) error {
	return fmt.Errorf("create interface %s: %w", name, err)
}
