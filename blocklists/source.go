package blocklists

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Format is the syntax of a list. A line is read by what it looks like whatever
// the format of its list. The format decides the rest: what a bare name and a
// pattern without anchors mean, whether a line that starts with two # is a comment
// or a cosmetic rule, and that a zone file (RPZ) has nothing but records.
type Format uint8

// The formats. Auto, the zero value, takes the format that most of the first
// lines of the list look like.
const (
	Auto Format = iota
	Hosts
	Domains
	Adblock
	Dnsmasq
	Unbound
	RPZ
)

var formatNames = [...]string{"auto", "hosts", "domains", "adblock", "dnsmasq", "unbound", "rpz"}

// String returns the name that ParseFormat reads.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// ParseFormat reads the name of a format: auto, hosts, domains, adblock, dnsmasq,
// unbound or rpz.
func ParseFormat(s string) (Format, error) {
	for i, name := range formatNames {
		if s == name {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("unknown list format %q: want %s", s, strings.Join(formatNames[:], ", "))
}

// Action is what a rule does with a name.
type Action uint8

// The actions. A source with Action Allow turns all of its rules into allowing
// ones; in a source with Action Block the rules that start with @@ allow.
const (
	Block Action = iota
	Allow
)

var actionNames = [...]string{"block", "allow"}

// String returns the name that ParseAction reads.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// ParseAction reads the name of an action: block or allow.
func ParseAction(s string) (Action, error) {
	for i, name := range actionNames {
		if s == name {
			return Action(i), nil
		}
	}
	return 0, fmt.Errorf("unknown list action %q: want %s", s, strings.Join(actionNames[:], ", "))
}

// Source is one list to be loaded.
type Source struct {
	Name   string                        // identifies the list in rules, reports and client groups; unique
	Path   string                        // file to read; with Open only a label for reports and errors
	Open   func() (io.ReadCloser, error) // nil opens Path; called once by Load, see Loader.Load
	Format Format
	Action Action

	// ExactDomains makes a bare name in a domain list match exactly that name
	// instead of the name and all under it.
	ExactDomains bool

	// AllowWide takes rules that block a top-level domain, a large part of all
	// names or addresses, or everything. They are refused otherwise, because in a
	// list of somebody else's they are mistakes.
	AllowWide bool
}

func (s *Source) open() (io.ReadCloser, error) {
	switch {
	case s.Open != nil:
		return s.Open()
	case s.Path == "":
		return nil, fmt.Errorf("no file given")
	}
	return os.Open(s.Path)
}

// check reports what makes s unusable before it is opened.
func (s *Source) check() error {
	switch {
	case s.Name == "":
		return fmt.Errorf("a list without a name (%s)", s.Path)
	case int(s.Format) >= len(formatNames):
		return fmt.Errorf("list %q: unknown format %v", s.Name, s.Format)
	case int(s.Action) >= len(actionNames):
		return fmt.Errorf("list %q: unknown action %v", s.Name, s.Action)
	}
	return nil
}
