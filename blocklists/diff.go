package blocklists

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"tundns/dnswire"
)

// Difference is what changes when one version of a list takes the place of
// another.
type Difference struct {
	Blocked   []Rule // of the new version: what they block the old one does not
	Unblocked []Rule // of the old version: what they block the new one does not
}

// Diff compares what two versions of a list do, not how they are written: a rule
// that another one covered is no difference. Rules that depend on the question's
// type or on the client, patterns and addresses are compared by their text.
func Diff(ctx context.Context, old, new Source) (Difference, error) {
	var d Difference
	was, err := readVersion(ctx, old)
	if err != nil {
		return d, err
	}
	is, err := readVersion(ctx, new)
	if err != nil {
		return d, err
	}
	d.Blocked = is.beyond(was, was.rules)
	d.Unblocked = was.beyond(is, is.rules)
	return d, nil
}

// version is a list that is compared.
type version struct {
	set   *Set
	rules []Rule
	texts map[string]bool // of the rules
}

func readVersion(ctx context.Context, s Source) (*version, error) {
	all, err := collect(ctx, []Source{s})
	if err != nil {
		return nil, err
	}
	v := &version{texts: make(map[string]bool)}
	for _, c := range all {
		if c.why == "" {
			v.rules = append(v.rules, c.rule)
			v.texts[c.rule.String()] = true
		}
	}
	v.set, _, err = Load(ctx, []Source{s})
	return v, err
}

// beyond returns the rules of v that block what other does not, in the order of
// their lines, those of one line by their text. others are other's rules: an allow
// rule that v has not may have kept a name.
func (v *version) beyond(other *version, others []Rule) []Rule {
	type place struct {
		line int
		text string // a line may have several rules
	}
	found := make(map[place]Rule)
	add := func(r Rule) { found[place{r.Line, r.String()}] = r }
	for _, rules := range [][]Rule{v.rules, others} {
		for i := range rules {
			for _, name := range probes(&rules[i]) {
				rule, blocks := v.blocks(name)
				if _, does := other.blocks(name); blocks && !does {
					add(rule)
				}
			}
		}
	}
	for _, r := range v.rules {
		if len(probes(&r)) == 0 && r.Action == Block && !other.texts[r.String()] {
			add(r)
		}
	}
	places := slices.SortedFunc(maps.Keys(found), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text))
	})
	var out []Rule
	for _, p := range places {
		out = append(out, found[p])
	}
	return out
}

// blocks returns the rule of v that blocks name, if it is blocked.
func (v *version) blocks(name dnswire.Name) (Rule, bool) {
	rule, ok := v.set.Match(&Query{Name: name, Type: dnswire.TypeA}, v.set.All())
	return rule, ok && rule.Action == Block
}

// below is a name under name that no list has.
func below(name dnswire.Name) dnswire.Name { return "\x0etundns--nobody" + name }

// probes returns the names that show what r does; none for a rule that is
// compared by its text.
func probes(r *Rule) []dnswire.Name {
	switch {
	case r.Name == "" || r.Condition != nil || r.Badfilter:
		return nil
	case r.Scope == Exact:
		return []dnswire.Name{r.Name}
	case len(r.Name)+15 > dnswire.MaxName:
		return []dnswire.Name{r.Name}
	case r.Scope == Under:
		return []dnswire.Name{below(r.Name)}
	}
	return []dnswire.Name{r.Name, below(r.Name)}
}
