package appliance

import (
	"errors"
	"io/fs"
)

// loadSnapshot gives the cache what it held at the last stop. Whatever is wrong
// with the file is no reason not to start: the upstreams know it all.
func (a *Appliance) loadSnapshot(path string) {
	n, err := a.cache.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.log.Warn("starting with an empty cache", "error", err)
	default:
		a.log.Info("loaded answers for when no upstream can be reached", "entries", n, "file", path)
	}
}

func (a *Appliance) saveSnapshot(path string) {
	if _, err := a.cache.Save(path); err != nil {
		a.log.Error("the cache was not saved", "error", err)
	}
}
