package blocklists

import (
	"context"
	"fmt"
)

// collected is a rule or a skipped line of a list that is only looked at.
type collected struct {
	list int // index of the source
	line int
	rule Rule
	text string // of a line that gave no rule
	why  reason // "" for a rule
}

// collect reads the sources and returns all that is in them but for comments and
// cosmetic rules, in their order.
func collect(ctx context.Context, sources []Source) ([]collected, error) {
	c := collector{in: new(interned)}
	for i := range sources {
		s := &sources[i]
		if err := s.check(); err != nil {
			return nil, err
		}
		c.list = i
		c.name = s.Name
		l := loading{b: &c, in: c.in, index: uint16(i), skipped: c.skip}
		if err := l.load(ctx, s); err != nil {
			return nil, fmt.Errorf("list %q: %w", s.Name, err)
		}
	}
	return c.all, nil
}

// collector keeps what a loading gives it.
type collector struct {
	in   *interned
	list int
	name string
	all  []collected
}

func (c *collector) add(list uint16, r *parsed) (known bool, why reason) {
	c.all = append(c.all, collected{list: int(list), line: r.line, rule: r.rule(c.name, int(list))})
	return false, ""
}

func (c *collector) skip(line int, text []byte, why reason) {
	if why != whyCosmetic {
		c.all = append(c.all, collected{list: c.list, line: line, text: printable(text), why: why})
	}
}
