// Package blocklists reads block and allow lists and compiles them into one
// immutable Set that says which rules match a name.
//
// What a line means:
//
//	0.0.0.0 example.com         hosts line: exactly that name; several names may follow
//	example.com                 in a domain list: the name and all under it (exactly
//	                            it with Source.ExactDomains); in hosts and adblock
//	                            files exactly the name, as their publishers mean it
//	*.example.com               the name and all under it
//	||example.com^              the name and all under it
//	|example.com^               exactly that name
//	=example.com                exactly that name
//	@@…                         allows instead of blocks
//	…$important                 beats every rule without it
//	! text, # text              comment
//
// Of several rules that match a name one wins: first the stronger of
// @@…$important, …$important, @@… and a plain block; then the longer name, the
// earlier list, the earlier line.
//
// A line is read by what it looks like, in files of every format. A line that
// cannot be applied whole (a pattern, a regular expression, a modifier other
// than important, a path) is skipped and reported: nothing is ever applied by
// half. A rule that would block a top-level domain or everything is refused.
package blocklists
