package blocklists

import (
	"context"
	"fmt"

	"tundns/dnswire"
)

// Finding is something in a list that somebody should look at.
type Finding struct {
	Path string // of the list
	Line int    // in it, from 1
	Kind FindingKind
	Text string // what it is about
}

// FindingKind is a kind of Finding.
type FindingKind string

// The kinds of findings.
const (
	Skipped   FindingKind = "skipped"   // the line gives no rule
	Duplicate FindingKind = "duplicate" // the same rule is there before
	Subsumed  FindingKind = "subsumed"  // another rule does the same for more names
)

// String returns "path:line: kind: text".
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s: %s", f.Path, f.Line, f.Kind, f.Text) }

// Lint calls found for whatever is wrong, double or needless in the sources, in
// their order: each source alone and all of them together, as if one client group
// had them. Its memory is some hundred bytes a rule.
func Lint(ctx context.Context, sources []Source, found func(Finding)) error {
	all, err := collect(ctx, sources)
	if err != nil {
		return err
	}
	first := make(map[string]*collected) // by the rule's text
	wide := make(map[wideRule]*collected)
	for i := range all {
		c := &all[i]
		if c.why != "" {
			continue
		}
		if text := c.rule.String(); first[text] == nil {
			first[text] = c
		}
		if w, ok := c.wide(); ok && wide[w] == nil {
			wide[w] = c
		}
	}
	at := func(c *collected) string { return fmt.Sprintf("%s:%d", sources[c.list].Path, c.line) }
	for i := range all {
		c := &all[i]
		f := Finding{Path: sources[c.list].Path, Line: c.line}
		switch {
		case c.why != "":
			f.Kind, f.Text = Skipped, fmt.Sprintf("%s: %s", c.why, c.text)
		case first[c.rule.String()] != c:
			f.Kind, f.Text = Duplicate, fmt.Sprintf("%v is at %s", c.rule, at(first[c.rule.String()]))
		default:
			by := c.covered(wide)
			if by == nil {
				continue
			}
			f.Kind, f.Text = Subsumed, fmt.Sprintf("%v: %v at %s does the same", c.rule, by.rule, at(by))
		}
		found(f)
	}
	return nil
}

// wideRule is what a rule for a name and all under it does, to no condition and
// in the client group's way.
type wideRule struct {
	name      dnswire.Name
	action    Action
	important bool
}

// wide returns what c does when that makes other rules needless.
func (c *collected) wide() (wideRule, bool) {
	r := &c.rule
	return wideRule{r.Name, r.Action, r.Important},
		r.Name != "" && r.Scope == Subtree && r.Condition == nil && r.Reply == nil && !r.Badfilter
}

// covered returns the rule that makes c needless, nil if there is none. A rule
// with an answer of its own does something else.
func (c *collected) covered(wide map[wideRule]*collected) *collected {
	r := &c.rule
	if r.Name == "" || r.Reply != nil || r.Badfilter {
		return nil
	}
	for name, more := r.Name, true; more && name != dnswire.Root; name, more = name.Parent() {
		if by := wide[wideRule{name, r.Action, r.Important}]; by != nil && by != c {
			return by
		}
	}
	return nil
}
