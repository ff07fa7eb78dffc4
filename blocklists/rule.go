package blocklists

import (
	"cmp"

	"tundns/dnswire"
)

// flags is what a rule says beside its name, as the compiled set stores it.
type flags uint8

const (
	flagSubtree   flags = 1 << iota // matches what is under the name, too
	flagAllow                       // allows instead of blocks
	flagImportant                   // beats every rule without it
	flagBits      = iota
)

// class orders rules of different kinds: @@…$important (3), …$important (2),
// @@… (1), block (0).
func (f flags) class() int {
	return int(f&flagImportant)/int(flagImportant)*2 + int(f&flagAllow)/int(flagAllow)
}

// Rule is one rule of one list. Rules are values: they stay good when the set
// they came from is gone.
type Rule struct {
	List      string // name of the source
	Line      int    // in it, from 1
	Name      dnswire.Name
	Subtree   bool // matches the name and all under it; otherwise exactly the name
	Action    Action
	Important bool

	list int // index of the source, for the order between lists
}

func newRule(list string, index int, line int, name dnswire.Name, f flags) Rule {
	r := Rule{
		List:      list,
		Line:      line,
		Name:      name,
		Subtree:   f&flagSubtree != 0,
		Important: f&flagImportant != 0,
		list:      index,
	}
	if f&flagAllow != 0 {
		r.Action = Allow
	}
	return r
}

func (r Rule) flags() flags {
	var f flags
	if r.Subtree {
		f |= flagSubtree
	}
	if r.Action == Allow {
		f |= flagAllow
	}
	if r.Important {
		f |= flagImportant
	}
	return f
}

// String returns the rule in one canonical form, whatever its line looked like:
// ||name^ for a subtree, =name for exactly a name, with @@ in front and
// $important behind where they apply. A list of that line gives the same rule.
func (r Rule) String() string {
	s, end := "=", ""
	if r.Subtree {
		s, end = "||", "^"
	}
	if r.Action == Allow {
		s = "@@" + s
	}
	if r.Important {
		end += "$important"
	}
	return s + r.Name.Text() + end
}

// Compare orders rules that match one name by precedence: negative when r beats
// other, positive when other beats r, zero when they are the same line.
func (r Rule) Compare(other Rule) int {
	return cmp.Or(
		cmp.Compare(other.flags().class(), r.flags().class()),
		cmp.Compare(len(other.Name), len(r.Name)),
		cmp.Compare(r.list, other.list),
		cmp.Compare(r.Line, other.Line),
	)
}

// Over says in words why r beats other: the first difference that Compare
// finds. r must be the winner of the two.
func (r Rule) Over(other Rule) string {
	switch {
	case r.Important && r.Action == Allow && !(other.Important && other.Action == Allow):
		return "an allow rule with $important beats every other rule"
	case r.Important && !other.Important:
		return "a rule with $important beats rules without"
	case r.Action != other.Action:
		return "an allow rule beats a block rule"
	case len(r.Name) != len(other.Name):
		return "the rule for the longer name wins"
	case r.list != other.list:
		return "the list that comes first wins"
	}
	return "the line that comes first wins"
}
