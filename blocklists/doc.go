// Package blocklists reads block and allow lists and compiles them into one
// immutable Set that says which rules match a name or an address.
//
// # What a line means
//
// Lists of all formats may be mixed in one file: a line is read by what it looks
// like. The format of a list, told or guessed from its first lines, decides what
// is left: bare names, patterns without anchors, and lines that start with ##.
//
//	0.0.0.0 example.com         hosts line: exactly that name; several names may follow;
//	                            lines with an address that leads somewhere are skipped
//	example.com                 in a list of domains: the name and all under it (exactly
//	                            it with Source.ExactDomains); in hosts and adblock
//	                            files exactly the name, as their publishers mean it
//	*.example.com, .example.com the name and all under it
//	=example.com                exactly that name
//	ads*.example.com            names that look like that, * being any text; in adblock
//	                            files also names that only contain such a text
//	192.0.2.1, 192.0.2.0/24     addresses in answers
//	! text, # text, ; text      comment; # text behind a rule, too
//
// Adblock rules are read as AdGuard's DNS filtering does:
//
//	||example.com^              the name and all under it
//	|example.com^               exactly that name
//	||ads*.example.com^         * is any text, || where a label begins, | and ^ the ends
//	/^ads[0-9]/                 a regular expression (RE2), in names without the last dot
//	||192.0.2.0/24^             addresses in answers
//	@@…                         allows instead of blocks
//	…$important                 beats every rule without it
//	…$badfilter                 cancels the rule that is equal but for it
//	…$dnstype=A|~TYPE65         only for questions of these types, not for those with ~
//	…$client=10.0.0.0/8|~'Pad'  only for these clients
//	…$denyallow=a.com|b.com     not for these names and what is under them
//	…$dnsrewrite=192.0.2.1      answers with that address; also a name for a CNAME,
//	                            NXDOMAIN and other codes (NOERROR is NODATA), DROP for no
//	                            answer, or RCODE;TYPE;VALUE; several records add up
//	@@…$dnsrewrite              lifts rules with $dnsrewrite, no others
//
// Of the configuration of other servers the lines count that speak of names:
//
//	address=/a.com/b.com/       dnsmasq: the names and all under them; also server=/…/,
//	                            local=/…/, and #, 0.0.0.0, ::, 127.0.0.1 as the address
//	address=/a.com/192.0.2.1    answers with that address, and with NODATA for other
//	                            types, which dnsmasq lets through, as it does all but
//	                            A and AAAA for # and the addresses that lead nowhere
//	address=/*.a.com/, /*ads/   what is under the name; names that end like that
//	server=/a.com/#             allows the name and all under it
//	local-zone: "a.com" static  unbound: the name and all under it; so do all types that
//	                            keep a name from being resolved; block_a only for A
//	local-zone: "a.com" always_transparent
//	                            allows the name and all under it
//	local-data: "a.com A …"     exactly the name; answers with that record unless its
//	                            address leads nowhere, for all under it if the local-zone
//	                            right before is a redirect of that name
//
// Records are those of a response policy zone (RPZ), whose own name is taken off
// the owners. *.name is all that is under the name. In BIND, by RFC 4592, and in some
// cases in Unbound it is less: *.c is not for a.b.c there when b.c or what is under
// it has a record.
//
//	a.com CNAME .               exactly that name: NXDOMAIN
//	a.com CNAME *.              NODATA
//	a.com CNAME rpz-passthru.   allows; so does a CNAME to the name itself
//	a.com CNAME rpz-drop.       no answer
//	a.com CNAME b.com., a.com A …
//	                            answers with that; several records of one owner add up
//	24.0.2.0.192.rpz-ip CNAME . addresses in answers
//
// # What is refused
//
// A line that cannot be applied whole is skipped and reported: one with a modifier
// that is not known here or that only browsers obey, a path, an option or trigger
// of another kind. Nothing is ever applied by half. A rule that would block a
// top-level domain, a large part of all names or addresses, or everything is
// refused unless it allows, has a modifier that restricts it, or is in a source
// with Source.AllowWide. A lone * is refused also where it allows.
//
// # Precedence
//
// Of several rules that match a name one wins: first the stronger of
// @@…$important, …$important, @@… and a plain block; then the longer name, a
// pattern being shorter than any; the longer prefix for addresses; the earlier
// list, the earlier line. The allowing rules of policy zones, dnsmasq and unbound are
// no exception to that: they beat all plain blocks, also those for longer names,
// which win in these servers. Nor are rules with $dnsrewrite, which in AdGuard Home
// come before all others.
package blocklists
