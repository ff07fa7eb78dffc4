package wgquick

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tundns/spelling"
)

// Parse parses the text of a wg-quick file. name is only for messages and [Config.File].
// It keeps nothing of data. The error is of type [Errors].
func Parse(name string, data []byte) (*Config, error) {
	p := &parser{conf: &Config{File: name}, line: 1}
	p.parse(data)
	if len(p.errs) > 0 {
		slices.SortStableFunc(p.errs, func(a, b *Error) int { return a.Line - b.Line })
		return nil, p.errs
	}
	return p.conf, nil
}

// The two sections, as wg(8) spells them.
const (
	sectionInterface = "Interface"
	sectionPeer      = "Peer"
)

// parser is the state between two lines.
type parser struct {
	conf *Config
	errs Errors

	line      int            // number of the current line
	section   string         // sectionInterface, sectionPeer or "" before the first header
	skip      bool           // in a section that is not known: its lines are not looked at
	seen      map[string]int // in this section: field name → line of its first use
	headers   map[string]int // section → line of its first header
	mtuLine   int            // line of MTU, 0 without one
	publicKey map[Key]int    // public key of a peer → line
	address   map[netip.Addr]bool
	allowed   map[netip.Prefix]allowedBy
}

// allowedBy is where a prefix of AllowedIPs is: a peer, as an index, and a line.
type allowedBy struct{ peer, line int }

// fail records an error at line. The last one that fits says that there are more.
func (p *parser) fail(line int, format string, args ...any) {
	switch len(p.errs) {
	case maxErrors:
		return
	case maxErrors - 1:
		format, args = "too many errors; the rest is not shown", nil
	}
	p.errs = append(p.errs, &Error{File: p.conf.File, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) parse(data []byte) {
	p.headers = map[string]int{}
	p.publicKey = map[Key]int{}
	p.address = map[netip.Addr]bool{}
	p.allowed = map[netip.Prefix]allowedBy{}

	switch {
	case len(data) > maxFileSize:
		p.fail(1, "the file is larger than %d bytes; this is not a wg-quick file", maxFileSize)
		return
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		p.fail(1, "the file is UTF-16; save it as UTF-8")
		return
	case bytes.IndexByte(data, 0) >= 0:
		p.fail(1+bytes.Count(data[:bytes.IndexByte(data, 0)], []byte("\n")), "there is a NUL byte; this is not a text file")
		return
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range strings.Lines(string(data)) {
		if p.parseLine(line); len(p.errs) == maxErrors {
			return
		}
		p.line++
	}
	p.endSection()
	p.checkFile()
}

// parseLine parses one line, with or without its end of line.
func (p *parser) parseLine(line string) {
	// wg(8) ends a line at '#' wherever it stands: no value can contain one.
	line, _, _ = strings.Cut(line, "#")
	line = strings.TrimSpace(line)
	switch {
	case line == "":
	case line[0] == '[':
		p.startSection(line)
	case p.skip:
	default:
		p.parseField(line)
	}
}

func (p *parser) startSection(header string) {
	p.endSection()
	p.seen = map[string]int{}
	p.section, p.skip = "", false
	name := strings.TrimSpace(strings.TrimSuffix(header[1:], "]"))
	for _, known := range []string{sectionInterface, sectionPeer} {
		if header[len(header)-1] == ']' && strings.EqualFold(name, known) {
			p.section = known
		}
	}
	first, again := p.headers[p.section]
	switch {
	case p.section == "":
		p.fail(p.line, "unknown section %s; the sections are [Interface] and [Peer]", quote(header))
		p.skip = true
		return
	case p.section == sectionInterface && again:
		p.fail(p.line, "a second [Interface] section; the first one is on line %d", first)
		p.skip = true
		return
	case p.section == sectionPeer:
		p.conf.Peers = append(p.conf.Peers, Peer{Line: p.line})
	}
	if !again {
		p.headers[p.section] = p.line
	}
}

// endSection checks what a section must have.
func (p *parser) endSection() {
	if p.skip {
		return
	}
	switch p.section {
	case sectionInterface:
		if p.seen["PrivateKey"] == 0 {
			p.fail(p.headers[sectionInterface], "this [Interface] has no PrivateKey; add: PrivateKey = (the output of wg genkey)")
		}
	case sectionPeer:
		if p.seen["PublicKey"] == 0 {
			p.fail(p.peer().Line, "this [Peer] has no PublicKey; add the one that the peer's owner gave you")
		}
	}
}

// peer is the peer of the current [Peer] section.
func (p *parser) peer() *Peer { return &p.conf.Peers[len(p.conf.Peers)-1] }

// parseField parses "Key = value" in a known section or before the first header.
func (p *parser) parseField(line string) {
	name, value, ok := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok {
		p.fail(p.line, "%s is not of the form Key = value", quote(line))
		return
	}
	if p.section == "" {
		p.fail(p.line, "%s stands before the first section; start the file with [Interface]", quote(name))
		p.skip = true
		return
	}
	f := findField(p.section, name)
	if f == nil {
		p.unknownField(name)
		return
	}
	if first := p.seen[f.name]; first != 0 && !f.list {
		p.fail(p.line, "%s is given twice in this section; the first one is on line %d", f.name, first)
		return
	}
	if p.seen[f.name] == 0 {
		p.seen[f.name] = p.line
	}
	if value == "" && !f.empty {
		p.fail(p.line, "%s has no value", f.name)
		return
	}
	f.set(p, value)
}

func (p *parser) unknownField(name string) {
	other := sectionPeer
	if p.section == sectionPeer {
		other = sectionInterface
	}
	if f := findField(other, name); f != nil {
		p.fail(p.line, "%s belongs into [%s], not [%s]", f.name, other, p.section)
		return
	}
	names := fieldNames(p.section)
	if near := spelling.Nearest(name, names); near != "" {
		p.fail(p.line, "unknown key %s in [%s]; did you mean %q?", quote(name), p.section, near)
		return
	}
	p.fail(p.line, "unknown key %s in [%s]; the keys are %s", quote(name), p.section, strings.Join(names, ", "))
}
