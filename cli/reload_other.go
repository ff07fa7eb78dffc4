//go:build !linux

package cli

// reloading is the state that announces a reload.
func reloading() string { return "RELOADING=1" }
