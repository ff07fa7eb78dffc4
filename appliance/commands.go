package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// maxPause keeps a slip of the finger from turning blocking off for good.
const maxPause = 24 * time.Hour

// pause stops blocking for the time "for", in the client group "group" or in all.
func (a *Appliance) pause(_ context.Context, q url.Values, w io.Writer) error {
	d, err := time.ParseDuration(q.Get("for"))
	if err != nil || d <= 0 || d > maxPause {
		return fmt.Errorf("a pause lasts more than 0 and at most %v, such as 10m", maxPause)
	}
	group := q.Get("group")
	if err := a.knownGroup(group); err != nil {
		return err
	}
	a.pauses.Pause(group, time.Now().Add(d))
	a.log.Info("blocking is paused", "group", whichGroup(group), "for", d.String())
	return a.tellPauses(w)
}

// resume ends the pause of the client group "group", or all pauses.
func (a *Appliance) resume(_ context.Context, q url.Values, w io.Writer) error {
	group := q.Get("group")
	if err := a.knownGroup(group); err != nil {
		return err
	}
	a.pauses.Resume(group)
	a.log.Info("blocking goes on", "group", whichGroup(group))
	return a.tellPauses(w)
}

func (a *Appliance) knownGroup(name string) error {
	p := a.current.Load().policy
	if name == "" || p.Group(name) != nil {
		return nil
	}
	var names []string
	for _, g := range p.Groups() {
		names = append(names, g.Name())
	}
	return fmt.Errorf("no client group is called %q: there are %s", name, strings.Join(names, ", "))
}

func whichGroup(name string) string {
	if name == "" {
		return "all"
	}
	return name
}

// tellPauses writes the pauses that are in force.
func (a *Appliance) tellPauses(w io.Writer) error {
	state := a.pauses.State(time.Now())
	for _, p := range state {
		group := "client group " + p.Group
		if p.Group == "" {
			group = "all client groups"
		}
		fmt.Fprintf(w, "%s: nothing is blocked until %s\n", group, p.Until.Format(time.DateTime))
	}
	if len(state) == 0 {
		fmt.Fprintln(w, "blocking is in force for all client groups")
	}
	return nil
}

// refreshLists fetches the list "list", or all that have a URL.
func (a *Appliance) refreshLists(ctx context.Context, q url.Values, w io.Writer) error {
	r := a.current.Load().refresher
	if r == nil {
		return errors.New("no list has a URL; lists in files are read anew when they change")
	}
	only := q.Get("list")
	var errs []error
	found := false
	for _, s := range r.Status() {
		if only != "" && s.List != only {
			continue
		}
		found = true
		if err := r.Refresh(ctx, s.List); err != nil {
			if s.Path != "" {
				err = fmt.Errorf("%w; the last good copy stays in use", err)
			}
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(w, "list %s: up to date\n", s.List)
	}
	if !found {
		return fmt.Errorf("no list with a URL is called %q", only)
	}
	return errors.Join(errs...)
}
