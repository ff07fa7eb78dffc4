package appliance

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"tundns/config"
)

// settle is how long files must be quiet before they are read again, so that one
// that an editor or a download is still writing is not read by halves.
const settle = 500 * time.Millisecond

// watch reloads when the configuration file or a list changes. What is watched
// are the folders: editors and deployment tools replace files by renaming.
func (a *Appliance) watch() {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		a.log.Warn("files cannot be watched for changes; send SIGHUP after changing one", "error", err)
		return
	}
	a.watcher = w
	a.onClose(func() { w.Close() })
	a.rewatch()
	a.running.Go(func() {
		quiet := time.NewTimer(0)
		<-quiet.C
		defer quiet.Stop()
		for {
			select {
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				if e.Op != fsnotify.Chmod && slices.Contains(files(a.current.Load().config), filepath.Clean(e.Name)) {
					quiet.Reset(settle)
				}
			case err, ok := <-w.Errors:
				if !ok {
					return
				}
				a.log.Warn("watching files", "error", err)
			case <-quiet.C:
				a.Reload() // logs and counts its error itself
			}
		}
	})
}

// awaitLists reloads when new copies of lists have been fetched.
func (a *Appliance) awaitLists() {
	a.running.Go(func() {
		for {
			select {
			case <-a.fetched:
				a.Reload() // logs and counts its error itself
			case <-a.ctx.Done():
				return
			}
		}
	})
}

// rewatch watches the folders of the files in force, and no others.
func (a *Appliance) rewatch() {
	if a.watcher == nil {
		return
	}
	var folders []string
	for _, f := range files(a.current.Load().config) {
		folders = append(folders, filepath.Dir(f))
	}
	for _, f := range a.watcher.WatchList() {
		if !slices.Contains(folders, f) {
			a.watcher.Remove(f)
		}
	}
	for _, f := range folders {
		if err := a.watcher.Add(f); err != nil {
			a.log.Warn("a folder cannot be watched for changes; send SIGHUP after changing a file in it", "folder", f, "error", err)
		}
	}
}

// files are what a reload reads.
func files(c *config.Config) []string {
	var out []string
	for _, f := range slices.Concat([]string{c.File}, caFiles(c.Upstreams), paths(c.Lists), c.Local.Hosts) {
		if f != "" {
			out = append(out, filepath.Clean(f))
		}
	}
	return out
}

func caFiles(groups []config.Upstream) []string {
	var out []string
	for _, u := range groups {
		out = append(out, u.CAFile)
	}
	return out
}

func paths(lists []config.List) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l.Path)
	}
	return out
}
