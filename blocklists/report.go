package blocklists

import (
	"errors"
	"time"
	"unicode"
	"unicode/utf8"

	"tundns/blocklists/pattern"
)

// Report says what became of one list.
type Report struct {
	List   string
	Path   string
	Format Format // as read: never Auto

	Lines      int // in the file, comments and empty lines included
	Rules      int // in the set
	Duplicates int // repetitions of a rule within this list, not in Rules
	Skipped    int // names and lines that gave no rule; comments are not among them

	Reasons  map[string]int // Skipped by reason; the reasons are a small fixed set
	Problems []Problem      // the first 20 skipped lines, cosmetic rules excepted

	Bytes int64 // read from the source
	Took  time.Duration
}

// Problem is a line that was skipped.
type Problem struct {
	Line   int    // from 1
	Text   string // the line, printable, cut to 80 bytes
	Reason string
}

// maxProblems bounds what a report keeps: enough to see what is wrong with a
// list, little enough that a binary file of a million lines costs nothing.
const maxProblems = 20

// reason says why a line or name gave no rule. The texts are part of the
// report and complete the sentence "skipped: …".
type reason string

const (
	whyAddress        reason = "an address, not a name"
	whyAllowReply     reason = "prescribes an answer in a list that allows"
	whyCharacter      reason = "pattern with a character that is in no host name"
	whyControl        reason = "control character in the line"
	whyCosmetic       reason = "cosmetic rule, for browsers only"
	whyDirective      reason = "zone file directive is not supported"
	whyGarden         reason = "CNAME to a wildcard is not supported"
	whyHosts          reason = "hosts line maps to an address"
	whyLabel          reason = "label longer than 63 bytes"
	whyLift           reason = "exception for one $dnsrewrite only: leave the value out to lift all"
	whyLine           reason = "line longer than 64 KiB"
	whyLong           reason = "name longer than 253 characters"
	whyLookaround     reason = "look-around and back-references are not supported: regular expressions are RE2"
	whyLoose          reason = "too many patterns without fixed text in them"
	whyModifier       reason = "modifier is not supported"
	whyName           reason = "not a host name"
	whyOption         reason = "option that is no rule for names"
	whyParenthesis    reason = "parenthesis or quote without its partner"
	whyPath           reason = "URL or path rule"
	whyPattern        reason = "pattern where only a name can be"
	whyPatternSize    reason = "pattern too long or with too many repetitions"
	whyRecord         reason = "not a record that an answer can have"
	whyRegexp         reason = "not a regular expression"
	whyRewrite        reason = "$dnsrewrite has a value that is not supported"
	whySeparator      reason = "^ inside a pattern matches nothing in a host name"
	whyServer         reason = "sends names to a server: use an upstream group"
	whyShadowed       reason = "local-data of a local-zone that ignores it"
	whyTCPOnly        reason = "rpz-tcp-only is not supported"
	whyTrigger        reason = "RPZ trigger other than names and rpz-ip"
	whyTriggerAddress reason = "not an address of an rpz-ip trigger"
	whyValue          reason = "value is malformed"
	whyWide           reason = "too wide: blocks a top-level domain or everything"
	whyWideAddress    reason = "too wide: blocks a large part of all addresses"
	whyWords          reason = "several words where one name is expected"
	whyZone           reason = "name outside of the zone"
	whyZoneType       reason = "local-zone of a type that blocks nothing"
)

// patternReason is the reason for an error of package pattern.
func patternReason(err error) reason {
	switch {
	case errors.Is(err, pattern.ErrLookaround):
		return whyLookaround
	case errors.Is(err, pattern.ErrLong), errors.Is(err, pattern.ErrLarge):
		return whyPatternSize
	case errors.Is(err, pattern.ErrSeparator):
		return whySeparator
	case errors.Is(err, pattern.ErrCharacter):
		return whyCharacter
	case errors.Is(err, pattern.ErrLoose), errors.Is(err, pattern.ErrFull):
		return whyLoose
	}
	return whyRegexp
}

func (r *Report) skip(line int, text []byte, why reason) {
	r.Skipped++
	if r.Reasons == nil {
		r.Reasons = make(map[string]int)
	}
	r.Reasons[string(why)]++
	if why != whyCosmetic && len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{Line: line, Text: printable(text), Reason: string(why)})
	}
}

// printLimit is how much of a line a report shows, in bytes.
const printLimit = 80

// printable returns text fit for a terminal: at most 80 bytes, what does not
// print replaced by U+FFFD, an ellipsis where it was cut.
func printable(text []byte) string {
	const ellipsis = "…"
	b := make([]byte, 0, printLimit+utf8.UTFMax)
	for len(text) > 0 && len(b) <= printLimit {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == '\t':
			r = ' '
		case !unicode.IsPrint(r):
			r = utf8.RuneError
		}
		b = utf8.AppendRune(b, r)
		text = text[n:]
	}
	if len(b) <= printLimit {
		return string(b)
	}
	end := printLimit - len(ellipsis)
	for !utf8.RuneStart(b[end]) {
		end--
	}
	return string(b[:end]) + ellipsis
}
