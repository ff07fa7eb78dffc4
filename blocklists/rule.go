package blocklists

import (
	"cmp"
	"net/netip"

	"tundns/dnswire"
)

// flags is what a rule says beside its name, as the compiled set stores it.
type flags uint8

const (
	flagAllow     flags = 1 << iota // allows instead of blocks
	flagImportant                   // beats every rule without it
	flagBadfilter                   // cancels the rule that is equal but for this flag
	flagBits      = iota
)

// class orders rules of different kinds: @@…$important (3), …$important (2),
// @@… (1), block (0).
func (f flags) class() int {
	return int(f&flagImportant)/int(flagImportant)*2 + int(f&flagAllow)/int(flagAllow)
}

// action returns what a rule does with a name.
func (f flags) action() Action { return Action(f & flagAllow / flagAllow) }

// Scope says which names a rule for a name matches.
type Scope uint8

// The scopes.
const (
	Exact   Scope = iota // that name alone
	Subtree              // the name and all under it
	Under                // what is under the name, not the name itself
)

// Rule is one rule of one list. Rules are values: they stay good when the set
// they came from is gone.
//
// A rule is for a name, a pattern or addresses: Name, Pattern and Prefix say
// which, and the other two are empty.
type Rule struct {
	List      string // name of the source
	Line      int    // in it, from 1
	Action    Action
	Important bool
	Badfilter bool // $badfilter: matches nothing, cancels the rule that is equal but for it

	Name    dnswire.Name // the name that it is for; "" for other rules
	Scope   Scope        // of Name
	Pattern string       // a wildcard pattern, or a regular expression between slashes
	Prefix  netip.Prefix // addresses in answers

	Condition *Condition // when it applies; nil is always
	Reply     *Reply     // how it answers; nil is the client group's way

	list int // index of the source, for the order between lists
}

func (r Rule) flags() flags {
	var f flags
	if r.Action == Allow {
		f |= flagAllow
	}
	if r.Important {
		f |= flagImportant
	}
	if r.Badfilter {
		f |= flagBadfilter
	}
	return f
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
	case r.Prefix.IsValid() && other.Prefix.IsValid() && r.Prefix.Bits() != other.Prefix.Bits():
		return "the rule for the longer prefix wins"
	case other.Name == "" && r.Name != "":
		return "a rule for a name beats a pattern"
	case len(r.Name) != len(other.Name):
		return "the rule for the longer name wins"
	case r.list != other.list:
		return "the list that comes first wins"
	}
	return "the line that comes first wins"
}
