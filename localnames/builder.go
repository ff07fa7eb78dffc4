package localnames

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tundns/dnswire"
)

// Builder collects records for Names. The zero value is ready. It is for one
// goroutine.
type Builder struct {
	lines     int // passed to Add
	entries   map[dnswire.Name]*entry
	owners    []dnswire.Name // of entries, in order of appearance
	addresses []address      // that get a PTR record, in order of appearance
}

// entry is a name that has records.
type entry struct {
	records []Record
	size    int          // of the records on the wire, in bytes
	target  dnswire.Name // of the CNAME
	index   int          // of its line
	line    string
}

// address says which name an address belongs to.
type address struct {
	addr netip.Addr
	name dnswire.Name
	ttl  uint32
}

// LineError says what is wrong with a record line.
type LineError struct {
	Index int    // of the call of Add that brought the line, from 0
	Line  string // the line as it was passed
	Err   error
}

// Error names the record and what is wrong with it.
func (e *LineError) Error() string {
	return fmt.Sprintf("record %q %v", clip(e.Line), e.Err)
}

// Unwrap returns the error without the line.
func (e *LineError) Unwrap() error { return e.Err }

const (
	// maxSize is how many bytes the records of one name may take on the wire:
	// with the longest chain of CNAMEs in front they still fit into a message.
	maxSize = 48 << 10
	// maxPTR is how many automatic PTR records an address gets. Hosts files that
	// give one address to thousands of names exist; who asks for the name of an
	// address looks at the first.
	maxPTR = 16
	// maxChain is how many names a chain of CNAMEs may lead through, the first and
	// the last included: resolvers that follow it give up at about this length.
	maxChain = 16
)

// Add adds a record, written as in a zone file: "nas.home.arpa 300 IN A
// 192.168.1.5", where TTL and class may be left out. Names are complete, with or
// without a trailing dot, in punycode or Unicode. A first label * makes a
// wildcard (RFC 4592). Each call is a line, counted from 0; the error is a
// *LineError, and then nothing was added.
//
// A record that is there already is dropped. The records of one name and type
// get the lowest of their TTLs (RFC 2181 section 5.2).
func (b *Builder) Add(line string) error {
	index := b.lines
	b.lines++
	p, err := parseRecord(line)
	if err == nil {
		err = b.insert(p.Record, p.target)
	}
	if err != nil {
		return &LineError{index, line, err}
	}
	if e := b.entries[p.Owner]; p.target != "" && e.line == "" {
		e.index, e.line = index, line
	}
	if p.addr.IsValid() {
		b.point(p.addr, p.Owner, p.TTL)
	}
	return nil
}

// insert adds a record unless the name's other records forbid it.
func (b *Builder) insert(r Record, target dnswire.Name) error {
	e := b.entries[r.Owner]
	if e == nil {
		e = new(entry)
	}
	for i := range e.records {
		if old := &e.records[i]; old.Type == r.Type && bytes.Equal(old.Data, r.Data) {
			old.TTL = min(old.TTL, r.TTL)
			return nil
		}
	}
	size := e.size + len(r.Owner) + 10 + len(r.Data)
	switch {
	case e.target != "" && target != "":
		return fmt.Errorf("is a second CNAME of %s, which leads to %s already", r.Owner.Text(), e.target.Text())
	case e.target != "":
		return fmt.Errorf("stands beside a CNAME of %s, which excludes all other records", r.Owner.Text())
	case target != "" && len(e.records) > 0:
		return fmt.Errorf("is a CNAME, which excludes the other records of %s", r.Owner.Text())
	case size > maxSize:
		return fmt.Errorf("is one too many: the records of %s would take more than %d KiB", r.Owner.Text(), maxSize>>10)
	}
	if len(e.records) == 0 {
		if b.entries == nil {
			b.entries = make(map[dnswire.Name]*entry)
		}
		b.entries[r.Owner] = e
		b.owners = append(b.owners, r.Owner)
	}
	e.records = append(e.records, r)
	e.size, e.target = size, target
	return nil
}

// point notes that addr is to have a PTR record for name. Wildcards have no
// name to tell, 0.0.0.0 is no address of anybody, and 127.0.0.1 is localhost's.
func (b *Builder) point(addr netip.Addr, name dnswire.Name, ttl uint32) {
	if isWildcard(name) || addr.IsUnspecified() || addr == netip.IPv6Loopback() || addr == loopbackIPv4 {
		return
	}
	b.addresses = append(b.addresses, address{addr, name, ttl})
}

var loopbackIPv4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Build returns the records added so far. Addresses get PTR records for their
// names, in order of appearance, unless a PTR record or CNAME was added for the
// address. CNAMEs that lead in a circle, or through more than 16 names, are an
// error: a *LineError of the first of them. The Builder may be used on.
func (b *Builder) Build() (*Names, error) {
	n := &Names{nodes: make(map[dnswire.Name]*node, 2*len(b.entries)), owners: len(b.entries)}
	for _, owner := range b.owners {
		e := b.entries[owner]
		n.nodes[owner] = &node{records: grouped(e.records), target: e.target}
	}
	for _, owner := range b.owners {
		n.link(owner)
	}
	for _, owner := range b.owners {
		if b.entries[owner].target != "" {
			if err := b.checkChain(n, owner); err != nil {
				return nil, err
			}
		}
	}
	n.addPTRs(b.addresses)
	return n, nil
}

// grouped returns a copy of records in which those of one type stand together
// and have one TTL.
func grouped(records []Record) []Record {
	all := slices.Clone(records)
	slices.SortStableFunc(all, func(a, b Record) int { return int(a.Type) - int(b.Type) })
	for from := 0; from < len(all); {
		to, ttl := from, all[from].TTL
		for ; to < len(all) && all[to].Type == all[from].Type; to++ {
			ttl = min(ttl, all[to].TTL)
		}
		for ; from < to; from++ {
			all[from].TTL = ttl
		}
	}
	return all
}

// link makes the names above owner, and tells the one above a wildcard of it.
func (n *Names) link(owner dnswire.Name) {
	nd := n.nodes[owner]
	for name := owner; ; {
		up, ok := name.Parent()
		if !ok || up == dnswire.Root {
			return
		}
		above := n.nodes[up]
		known := above != nil
		if !known {
			above = new(node)
			n.nodes[up] = above
		}
		if name == owner && isWildcard(owner) {
			above.wild = nd
		}
		if known { // and what is above it, or will be
			return
		}
		name = up
	}
}

func isWildcard(name dnswire.Name) bool { return strings.HasPrefix(string(name), "\x01*") }

// checkChain follows the CNAMEs from owner.
func (b *Builder) checkChain(n *Names, owner dnswire.Name) error {
	fail := func(err error) error {
		e := b.entries[owner]
		return &LineError{e.index, e.line, err}
	}
	nd := n.nodes[owner]
	names, nodes := []dnswire.Name{owner}, []*node{nd}
	for nd != nil && nd.target != "" {
		name := nd.target
		names = append(names, name)
		nd, _ = n.find(name)
		if i := slices.Index(nodes, nd); i >= 0 {
			circle := names[i:]
			if circle[0] != name { // a wildcard covers name
				circle = append(circle, circle[0])
			}
			return fail(errors.New("leads in a circle: " + joined(circle)))
		}
		if len(names) > maxChain {
			return fail(fmt.Errorf("leads through more than %d names: %s → …", maxChain, joined(names[:4])))
		}
		nodes = append(nodes, nd)
	}
	return nil
}

// joined writes a chain of names.
func joined(names []dnswire.Name) string {
	var text []string
	for _, n := range names {
		text = append(text, n.Text())
	}
	return strings.Join(text, " → ")
}
