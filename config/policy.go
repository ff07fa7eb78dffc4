package config

import (
	"net/netip"
	"time"
)

// List is a blocklist or allowlist, [[list]] in the file.
type List struct {
	// Name is like that of an upstream group.
	Name string
	// Path is the list's file, "" for one that has a URL.
	Path string
	// URL is where to fetch the list: https with a host name or an address, without user
	// information or fragment; "" for one that has a Path.
	URL string
	// Refresh is how long a list from its URL is good before it is fetched again: 10 minutes
	// to 30 days. It is 0 for a list that has a Path.
	Refresh time.Duration
	// Format is "auto", "hosts", "domains", "adblock", "dnsmasq", "unbound" or "rpz".
	Format string
	// Action is "block" or "allow".
	Action string
	// Subdomains tells whether a bare name in a domain list stands for what is under it too.
	Subdomains bool
}

// Group is a client group, [[group]] in the file.
type Group struct {
	// Name is like that of an upstream group.
	Name string
	// Clients are masked. They are empty exactly for the group "default".
	Clients []netip.Prefix
	// Lists are names from Config.Lists that hold at all times; empty: none does. Without the
	// key in the file it holds the names of all lists but those that a schedule of any group
	// names.
	Lists []string
	// Rules are the group's own, each of them one line as in a list, none of them a comment.
	// What they mean is for others to say.
	Rules []Text
	// BlockWith is "null", "nxdomain", "nodata", "refused" or an IP address.
	BlockWith string
	// SafeSearch are the services whose strict mode is forced, of "google", "bing",
	// "duckduckgo", "youtube" and "youtube-moderate", each at most once and not both of the
	// last two.
	SafeSearch []string
	// BlockedTypes are DNS types that are blocked whatever the name is, each once.
	BlockedTypes []uint16
	// Schedules are what changes in windows of time.
	Schedules []Schedule
}

// What a schedule's Block may be.
const (
	BlockEverything = "everything"
	BlockNothing    = "nothing"
)

// Schedule is a window of time in the week of a client group, [[group.schedule]] in the file.
type Schedule struct {
	// Days are those on which the window begins, by time.Weekday; one at least.
	Days [7]bool
	// From and To are minutes of wall-clock time since midnight: From 0 to 1439, To 0 to 1440,
	// which is the end of the day. They differ; with To before From the window ends on the
	// day after.
	From, To int
	// Location is the time zone of days and times, never nil.
	Location *time.Location
	// Lists are names from Config.Lists that hold in the window, and not among Group.Lists;
	// one at least, unless there is a Block.
	Lists []string
	// Block is BlockEverything, for every name that no rule allows, BlockNothing, for nothing
	// being blocked in the window, or "" where there are Lists.
	Block string
}

// What a test may expect.
const (
	ExpectBlocked   = "blocked"
	ExpectAllowed   = "allowed"
	ExpectRewritten = "rewritten"
)

// Test is a question and what the policy is to do with it, [[test]] in the file.
type Test struct {
	// Name is in lower case and ASCII, without a trailing dot.
	Name string
	// Type is a DNS type that can be asked for.
	Type uint16
	// Client is who asks; the zero Addr is any client of the group "default".
	Client netip.Addr
	// Expect is ExpectBlocked, ExpectRewritten, or ExpectAllowed for neither of them.
	Expect string
	// At is the place of the test in the file.
	At Position
}

// Local is [local] in the file: names of our own.
type Local struct {
	// Records are lines of a zone file. What they mean is for others to say.
	Records []Text
	// Hosts are paths of hosts files, each once.
	Hosts []string
}

// Text is a string of the file that is checked by whoever uses it; errors about it are made
// with [Config.Errorf].
type Text struct {
	// Value is one line, without control characters but tabs and without blanks at its ends,
	// and not empty.
	Value string
	// At is the place of the string in the file, that of its first quote.
	At Position
}
