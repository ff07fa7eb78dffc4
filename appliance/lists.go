package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"tundns/blocklists"
	"tundns/blocklists/download"
	"tundns/config"
)

// stateFolder is where downloaded and compiled lists are kept: the configured
// folder, that of systemd's StateDirectory=, or the usual one.
func stateFolder(c *config.Config) string {
	if c.State != "" {
		return c.State
	}
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); first != "" {
		return first
	}
	return "/var/lib/tundns"
}

// openRefresher makes what keeps the copies of c's lists that have a URL, nil when
// none has. It is old's when nothing about it changed; a new one is not started.
// Who only looks at a configuration gets none, either, without copies to read: no
// folder is made for that.
func openRefresher(c *config.Config, with surroundings, old *ruleset) (*download.Refresher, error) {
	lists, formats := remote(c)
	if len(lists) == 0 {
		return nil, nil
	}
	folder := filepath.Join(stateFolder(c), "lists")
	if old != nil && old.refresher != nil && old.folder == folder {
		if was, formatsWere := remote(old.config); reflect.DeepEqual(was, lists) && reflect.DeepEqual(formatsWere, formats) {
			return old.refresher, nil
		}
	}
	if with.offline {
		switch _, err := os.ReadDir(folder); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("the copies of lists are for root and the user of tundns alone to read: %w", err)
		}
	}
	return download.New(download.Options{
		Folder:      folder,
		Lists:       lists,
		DialContext: with.dial,
		RootCAs:     with.roots,
		Inspect: func(list string, r io.Reader) (int, error) {
			s := formats[list]
			s.Open = func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
			report, err := blocklists.Count(context.Background(), s)
			switch {
			case errors.Is(err, blocklists.ErrHTML):
				err = fmt.Errorf("%w: %w", download.ErrHTML, err)
			case err != nil:
				err = fmt.Errorf("%w: %w", download.ErrBinary, err)
			}
			return report.Rules, err
		},
		Changed:  with.changed,
		Observer: with.fetches,
		Log:      with.log,
	})
}

// remote returns c's lists that have a URL, and by name how each is to be read.
func remote(c *config.Config) ([]download.List, map[string]blocklists.Source) {
	var lists []download.List
	formats := make(map[string]blocklists.Source)
	for _, l := range c.Lists {
		if l.URL != "" {
			lists = append(lists, download.List{Name: l.Name, URL: l.URL, Interval: l.Refresh})
			formats[l.Name] = source(l)
		}
	}
	return lists, formats
}

// source is a list of the configuration.
func source(l config.List) blocklists.Source {
	s := blocklists.Source{Name: l.Name, Path: l.Path, ExactDomains: !l.Subdomains}
	// Both words have been validated with the configuration.
	s.Format, _ = blocklists.ParseFormat(l.Format)
	s.Action, _ = blocklists.ParseAction(l.Action)
	return s
}

// sources are the lists to load: the configured ones, or the starter list, and
// the groups' own rules. missing are those that were never fetched.
func sources(c *config.Config, refresher *download.Refresher) (list []blocklists.Source, missing []string) {
	if c.StarterList() {
		list = append(list, blocklists.Starter())
	}
	for _, l := range c.Lists {
		s := source(l)
		if l.URL != "" {
			s.Path = ""
			if refresher != nil {
				s.Path = refresher.Path(l.Name)
			}
			if s.Path == "" {
				missing = append(missing, l.Name)
				// Without rules, so that the groups' choice of lists holds.
				s.Path, s.Open = l.URL, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
			}
		}
		if s.Open == nil {
			s.Open = func() (io.ReadCloser, error) { return openFile(s.Path) }
		}
		list = append(list, s)
	}
	for _, g := range c.Groups {
		if len(g.Rules) > 0 {
			list = append(list, ownRules(c, g))
		}
	}
	return list, missing
}

// openFile opens a file that the configuration names, and nothing else: opening a
// pipe would wait for somebody to write to it.
func openFile(path string) (io.ReadCloser, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a file")}
	}
	return os.Open(path)
}

// ownRulesName is the name of the list that has the rules of a client group. No
// configured list can have a blank in its name.
func ownRulesName(group string) string { return group + " rules" }

// ownRules are the rules that a client group has in the configuration, one line
// each.
func ownRules(c *config.Config, g config.Group) blocklists.Source {
	var text strings.Builder
	for _, rule := range g.Rules {
		text.WriteString(rule.Value)
		text.WriteByte('\n')
	}
	return blocklists.Source{
		Name:      ownRulesName(g.Name),
		Path:      c.File,
		Open:      func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text.String())), nil },
		Format:    blocklists.Adblock,
		AllowWide: true,
	}
}

// checkOwnRules returns an error for each rule of a client group that was skipped
// in loading: what somebody wrote down in the configuration is meant to hold.
func checkOwnRules(c *config.Config, reports []blocklists.Report) error {
	var errs []error
	for _, g := range c.Groups {
		for _, r := range reports {
			if r.List != ownRulesName(g.Name) {
				continue
			}
			for _, p := range r.Problems {
				errs = append(errs, c.Errorf(g.Rules[p.Line-1].At, "rule %q of group %q: %s", p.Text, g.Name, p.Reason))
			}
			if len(r.Problems) == 0 && r.Skipped > 0 {
				errs = append(errs, c.Errorf(g.Rules[0].At, "%d rules of group %q are for browsers only", r.Skipped, g.Name))
			}
		}
	}
	return errors.Join(errs...)
}
