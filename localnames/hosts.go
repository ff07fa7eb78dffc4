package localnames

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tundns/dnswire"
)

// Report says what became of a hosts file.
type Report struct {
	File     string
	Lines    int       // comments and empty lines included
	Names    int       // name and address pairs that are in
	Ignored  int       // names of the machine itself, and lines that block
	Skipped  int       // names and lines that are not in but were meant to be
	Problems []Problem // the first 20 of those skipped
}

// Problem is what was skipped.
type Problem struct {
	Line   int    // from 1
	Text   string // the line, printable, cut to 80 bytes
	Reason string
}

// maxProblems bounds what a report keeps: enough to see what is wrong.
const maxProblems = 20

// maxHostsLine is the length of the longest line in bytes. Lines with all names
// of a host are long; this is some thousand names.
const maxHostsLine = 64 << 10

// skip notes what is not in.
func (r *Report) skip(line int, text, reason string) {
	r.Skipped++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{line, clip(text), reason})
	}
}

// host is a pair of a hosts file.
type host struct {
	address
	line int
	text string
}

// Hosts adds the names of a hosts file (hosts(5)) in UTF-8: an address, then
// names, then perhaps a comment. The first name of an address becomes the first
// of its PTR records. What the file says of the machine itself (localhost,
// broadcasthost, ip6-allnodes) and lines for 0.0.0.0 and ::, which block, are
// ignored. name is for the report. Records that exclude the file's are to be
// added first: a name that has a CNAME stays out of it, with a report.
//
// The error is that of reading, or that this is no hosts file; nothing was added
// then.
func (b *Builder) Hosts(name string, r io.Reader) (Report, error) {
	report := Report{File: name}
	hosts, err := readHosts(&report, r)
	if err != nil {
		return report, fmt.Errorf("%s: %w", name, err)
	}
	for _, h := range hosts {
		rec := Record{Owner: h.name, Type: dnswire.TypeAAAA, TTL: h.ttl, Data: h.addr.AsSlice()}
		if h.addr.Is4() {
			rec.Type = dnswire.TypeA
		}
		if err := b.insert(rec, ""); err != nil {
			report.skip(h.line, h.text, err.Error())
			continue
		}
		report.Names++
		b.point(h.addr, h.name, h.ttl)
	}
	slices.SortStableFunc(report.Problems, func(a, b Problem) int { return a.Line - b.Line })
	return report, nil
}

// readHosts reads a hosts file.
func readHosts(report *Report, r io.Reader) ([]host, error) {
	src := bufio.NewReaderSize(r, maxHostsLine)
	mark, err := src.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}), bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		return nil, errors.New("is in UTF-16: convert it to UTF-8")
	case string(mark) == "\xEF\xBB\xBF":
		src.Discard(len(mark))
	}
	var hosts []host
	for {
		line, err := src.ReadSlice('\n')
		long := err == bufio.ErrBufferFull
		text := string(line[:min(len(line), maxHostsLine)])
		for err == bufio.ErrBufferFull {
			_, err = src.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(text) > 0 {
			report.Lines++
		}
		if long {
			report.skip(report.Lines, text, "is longer than 64 KiB")
		} else {
			hosts = readHost(hosts, report, text)
		}
		if err == io.EOF {
			return hosts, nil
		}
	}
}

// readHost appends the pairs of one line to hosts.
func readHost(hosts []host, report *Report, text string) []host {
	text = strings.TrimRight(text, "\r\n")
	content, _, _ := strings.Cut(text, "#")
	fields := strings.Fields(content)
	if len(fields) == 0 {
		return hosts
	}
	addr, err := netip.ParseAddr(fields[0])
	switch {
	case err != nil:
		report.skip(report.Lines, text, "does not start with an address")
		return hosts
	case addr.Zone() != "":
		report.skip(report.Lines, text, "has an address with a zone, which means nothing to others")
		return hosts
	case len(fields) == 1:
		report.skip(report.Lines, text, "has no name")
		return hosts
	}
	addr = addr.Unmap()
	for _, field := range fields[1:] {
		if addr.IsUnspecified() || isBoilerplate(field) {
			report.Ignored++
			continue
		}
		name, err := hostName(field)
		if err != nil {
			report.skip(report.Lines, text, err.Error())
			continue
		}
		hosts = append(hosts, host{address{addr, name, DefaultTTL}, report.Lines, text})
	}
	return hosts
}

// isBoilerplate reports whether name is one that hosts files define for the
// machine itself, in any letter case.
func isBoilerplate(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch name {
	case "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4",
		"localhost6", "localhost6.localdomain6", "local", "loopback", "broadcasthost":
		return true
	}
	// ip6-localhost, ip6-allnodes and the like
	return strings.HasPrefix(name, "ip6-") && !strings.Contains(name, ".")
}

// hostName reads a name of a hosts file. Names that no host can have are
// refused: there is no escaping in these files, and no wildcard.
func hostName(text string) (dnswire.Name, error) {
	name, err := parseName(text)
	if err != nil {
		return "", err
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', c >= utf8.RuneSelf:
		default:
			return "", fmt.Errorf("has the name %q, which no host can have", clip(text))
		}
	}
	if name == dnswire.Root {
		return "", errors.New("has the root as a name")
	}
	return name, nil
}

// clipLimit is how much of a line is shown, in bytes.
const clipLimit = 80

// clip returns text fit for a terminal: what does not print replaced by U+FFFD,
// cut to 80 bytes with an ellipsis.
func clip(text string) string {
	const ellipsis = "…"
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, text)
	if len(text) <= clipLimit {
		return text
	}
	end := clipLimit - len(ellipsis)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
