package download

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// linger is how long a former copy outlives the first one from the list's own URL:
// whoever asked Path before may only now be opening it, and may have other lists
// to read first.
const linger = time.Minute

// copies returns the metadata of the folder's copies, of whatever list and URL. It
// is what a copy is known by: the names of files only begin like those of lists.
func (s *store) copies() ([]metadata, error) {
	files, err := os.ReadDir(s.folder)
	if err != nil {
		return nil, err
	}
	var out []metadata
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), metadataSuffix)
		if !ok {
			continue
		}
		if m, err := readMetadata(filepath.Join(s.folder, f.Name())); err == nil && stem(m.List, m.URL) == name {
			out = append(out, m)
		}
	}
	return out, nil
}

// former returns what is known of the copy that a list of l's name has from
// another URL, of several the one checked last, nil when there is none. Its rules
// are those that are found in it now: l may be read in another way than that list
// was. The error is about those that cannot be used.
func (s *store) former(l *List, copies []metadata) (*metadata, error) {
	var last *metadata
	var errs []error
	for _, c := range copies {
		if c.List != l.Name || c.URL == l.URL {
			continue
		}
		m, err := s.load(c.source())
		if err == nil && m != nil {
			if m.Rules, err = s.count(c.source()); err == nil && m.Rules == 0 {
				err = fmt.Errorf("%s: no rule in it", s.path(c.source()))
			}
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case m != nil && (last == nil || m.Checked.After(last.Checked)):
			last = m
		}
	}
	return last, errors.Join(errs...)
}

// sweep removes the copies that are not to be kept, and what crashes have left. It
// touches no other files.
func (s *store) sweep(keep func(metadata) bool, now time.Time) error {
	copies, err := s.copies()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range copies {
		if !keep(m) {
			errs = append(errs, remove(s.path(m.source())), remove(s.metadataPath(m.source())))
		}
	}
	files, err := os.ReadDir(s.folder)
	errs = append(errs, err)
	for _, f := range files {
		if abandoned(f, now) {
			errs = append(errs, remove(filepath.Join(s.folder, f.Name())))
		}
	}
	return errors.Join(errs...)
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// findFormer looks for copies from other URLs for the lists without one of their
// own.
func (r *Refresher) findFormer() {
	copies, err := r.store.copies()
	if err != nil {
		r.log.Warn("looking for copies of lists from other URLs", "error", err)
	}
	for _, e := range r.entries {
		if e.copy != nil {
			continue
		}
		if e.former, err = r.store.former(&e.list, copies); err != nil {
			r.log.Warn("the copy of a list from another URL cannot be used", "list", e.list.Name, "error", err)
		}
	}
}

// sweep removes the copies of lists that are gone, and the former ones of lists
// that have their own. Until then all former ones stay, also one that cannot be
// used: the configured way of reading it may be what is wrong.
func (r *Refresher) sweep() {
	own := make(map[string]bool)
	r.mu.Lock()
	for _, e := range r.entries {
		own[e.list.Name] = e.copy != nil
	}
	r.mu.Unlock()
	keep := func(m metadata) bool {
		e := r.entry(m.List)
		return e != nil && (m.URL == e.list.URL || !own[m.List])
	}
	if err := r.store.sweep(keep, r.wall()); err != nil {
		r.log.Warn("removing copies of lists that are not needed any more", "error", err)
	}
}

// sweepLater sweeps once nobody is about to open a former copy any more, unless
// Close comes first: the next Start sweeps then.
func (r *Refresher) sweepLater() {
	r.tasks.Go(func() {
		select {
		case <-time.After(linger):
			r.sweep()
		case <-r.ctx.Done():
		}
	})
}
