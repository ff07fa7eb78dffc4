package cli

import "os"

// notifyReload does nothing: Windows has no such signal. Changed files are
// reloaded all the same.
func notifyReload(chan<- os.Signal) {}
