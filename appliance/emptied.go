package appliance

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"

	"tundns/blocklists"
	"tundns/config"
)

const (
	// nothing is the size of a file up to which it has at most a line end, in
	// bytes: what a download or a full disk leaves, but hardly a person.
	nothing = 2
	// notable is the number of rules from which on a list that loses many of them
	// may have been cut off. People shorten the short lists that they write.
	notable = 100
	// keptShare is how much of its rules a list can keep without a warning, in
	// percent.
	keptShare = 60
)

// checkEmptied returns an error for a list that had rules in old and whose file
// has been emptied since: more often than not something went wrong with writing
// it. Who empties it on purpose leaves a comment. So it does for the copy of a
// list with a URL that somebody has removed.
func checkEmptied(old, next *ruleset) error {
	return eachList(old, next, func(was, is *blocklists.Report) error {
		switch {
		case was.Rules == 0 || is.Rules > 0:
		case slices.Contains(next.missing, is.List):
			return fmt.Errorf("list %q: its copy is gone from %s and had %d rules; it is needed until it has been fetched again", is.List, next.folder, was.Rules)
		case is.Bytes <= nothing:
			return fmt.Errorf("list %q: %s is empty and had %d rules; if that is right, write a comment into it", is.List, is.Path, was.Rules)
		}
		return nil
	})
}

// gone returns the lists whose copies were there when r was compiled and have
// been removed.
func (r *ruleset) gone() []string {
	var lists []string
	for _, l := range r.config.Lists {
		if l.URL != "" && !slices.Contains(r.missing, l.Name) && r.refresher.Path(l.Name) == "" {
			lists = append(lists, l.Name)
		}
	}
	return lists
}

// warnShrunk tells of lists that have lost so many rules that they may have
// been cut off. They count all the same: nobody but their owner wrote them.
func warnShrunk(log *slog.Logger, old, next *ruleset) {
	eachList(old, next, func(was, is *blocklists.Report) error {
		if was.Rules >= notable && int64(is.Rules)*100 < int64(was.Rules)*keptShare || was.Rules > 0 && is.Rules == 0 {
			log.Warn("a list has lost most of its rules; see whether it is complete", "list", is.List, "file", is.Path, "rules", is.Rules, "rules before", was.Rules)
		}
		return nil
	})
}

// eachList calls f with the reports on each list that is configured in next as it
// was in old, until the first error. A nil old has none.
func eachList(old, next *ruleset, f func(was, is *blocklists.Report) error) error {
	if old == nil {
		return nil
	}
	before := make(map[string]*blocklists.Report)
	configured := make(map[string]config.List)
	for i := range old.reports {
		before[old.reports[i].List] = &old.reports[i]
	}
	for _, l := range old.config.Lists {
		configured[l.Name] = l
	}
	after := make(map[string]*blocklists.Report)
	for i := range next.reports {
		after[next.reports[i].List] = &next.reports[i]
	}
	for _, l := range next.config.Lists {
		was, is := before[l.Name], after[l.Name]
		if was == nil || is == nil || !reflect.DeepEqual(configured[l.Name], l) {
			continue
		}
		if err := f(was, is); err != nil {
			return err
		}
	}
	return nil
}

// checkEmptiedConfig returns an error when the configuration file has been
// emptied: that is valid, but would replace all policy by the defaults.
func checkEmptiedConfig(old, next *config.Config) error {
	info, err := os.Stat(next.File)
	if err == nil && info.Size() <= nothing && !reflect.DeepEqual(old, next) {
		return fmt.Errorf("%s is empty; if that is right, write a comment into it", next.File)
	}
	return nil
}
