package localnames

import "tundns/dnswire"

// Record is one record of class IN in wire form. Its fields are the arguments of
// dnswire.AppendRR.
type Record struct {
	Owner dnswire.Name
	Type  uint16
	TTL   uint32 // seconds
	Data  []byte // names inside are in full and lower-case; not to be modified
}

// Status says what is known of a name and type.
type Status uint8

const (
	// Absent: not ours. The question is to be asked elsewhere.
	Absent Status = iota
	// Empty: the name has no records here, but names below it have. The question
	// is to be asked elsewhere too, yet NXDOMAIN would deny the names below (RFC
	// 8020): a resolver that makes its answer itself makes it NODATA.
	Empty
	// Answer: there are records, or a CNAME to continue with.
	Answer
	// NoData: the name is ours and lacks the type.
	NoData
	// NXDomain: the name is in a zone that is ours, and is not there.
	NXDomain
)

// String returns the status in words.
func (s Status) String() string {
	switch s {
	case Empty:
		return "empty"
	case Answer:
		return "answer"
	case NoData:
		return "NODATA"
	case NXDomain:
		return "NXDOMAIN"
	}
	return "absent"
}

// Result is what a lookup found.
type Result struct {
	Status Status

	// Records belong in the answer section, in this order: the CNAMEs of the
	// chain, then the records asked for. The slice is shared: not to be modified.
	Records []Record

	// Continue is the target of the last CNAME when it is not a local name: the
	// rest of the answer is to be asked for elsewhere. It is "" otherwise.
	Continue dnswire.Name

	// SOA belongs in the authority section of NoData and NXDomain (RFC 2308
	// section 3). Of other results it is the zero value.
	SOA Record
}

// Names are records of our own. They do not change once built: any number of
// goroutines may ask. A nil *Names has none.
type Names struct {
	nodes  map[dnswire.Name]*node
	owners int
}

// node is a name that has records or has names with records below it.
type node struct {
	records []Record     // those of one type stand together
	target  dnswire.Name // of the CNAME, which then is the only record
	wild    *node        // what covers the names below that are not there (RFC 4592)

	// The name is there for automatic PTR records only. Such names do not keep a
	// wildcard above from what it covers, as the user never wrote them.
	automatic bool
}

// Len returns the number of names that have records, wildcards counted as one.
func (n *Names) Len() int {
	if n == nil {
		return 0
	}
	return n.owners
}

// Lookup returns what the local records say about name and typ. CNAMEs are
// followed within the local records. Type ANY gives all records of the name. A
// name that is absent costs no allocation.
func (n *Names) Lookup(name dnswire.Name, typ uint16) Result {
	if n == nil || len(n.nodes) == 0 {
		return Result{}
	}
	nd, wild := n.find(name)
	switch {
	case nd == nil:
		return Result{}
	case len(nd.records) == 0:
		return Result{Status: Empty}
	case nd.target != "" && typ != dnswire.TypeCNAME && typ != dnswire.TypeANY:
		return n.follow(name, typ)
	}
	records := nd.ofType(typ)
	if len(records) == 0 {
		return Result{Status: NoData, SOA: negative(name)}
	}
	if wild {
		records = owned(nil, name, records)
	}
	return Result{Status: Answer, Records: records}
}

// follow is Lookup for a name with a CNAME. Build has made sure that the chain
// ends.
func (n *Names) follow(name dnswire.Name, typ uint16) Result {
	r := Result{Status: Answer}
	for {
		nd, _ := n.find(name)
		if nd == nil || len(nd.records) == 0 {
			r.Continue = name
			return r
		}
		if nd.target == "" {
			records := nd.ofType(typ)
			if len(records) == 0 {
				r.Status, r.SOA = NoData, negative(name)
			}
			r.Records = owned(r.Records, name, records)
			return r
		}
		r.Records = owned(r.Records, name, nd.records)
		name = nd.target
	}
}

// find returns the node that answers for name: its own, or the wildcard of the
// closest name above that is there (RFC 4592 section 3.3.1). It is nil if there
// is none.
func (n *Names) find(name dnswire.Name) (nd *node, wild bool) {
	if nd := n.nodes[name]; nd != nil {
		if len(nd.records) == 0 && nd.automatic && nd.wild != nil {
			return nd.wild, true
		}
		return nd, false
	}
	// Downwards from the top: what is above a name that is there is there too, so
	// that for most names the first step is the last.
	var starts [dnswire.MaxName / 2]uint8 // of the labels; each has a length and a byte at least
	labels := 0
	for i := 0; i < len(name) && name[i] != 0 && labels < len(starts); i += 1 + int(name[i]) {
		starts[labels] = uint8(i)
		labels++
	}
	var closest *node
	for i := labels - 1; i > 0; i-- {
		nd := n.nodes[name[starts[i]:]]
		if nd == nil {
			break
		}
		closest = nd
	}
	if closest == nil {
		return nil, false
	}
	return closest.wild, true
}

// ofType returns the node's records of the type.
func (nd *node) ofType(typ uint16) []Record {
	if typ == dnswire.TypeANY {
		return nd.records
	}
	from, to := 0, 0
	for i := range nd.records {
		if nd.records[i].Type != typ {
			continue
		}
		if to == 0 {
			from = i
		}
		to = i + 1
	}
	return nd.records[from:to:to]
}

// owned appends records to dst with name as their owner.
func owned(dst []Record, name dnswire.Name, records []Record) []Record {
	for _, r := range records {
		r.Owner = name
		dst = append(dst, r)
	}
	return dst
}

// negativeTTL is how long, in seconds, it is remembered that a local name lacks
// a type: briefly, as people try again once they have added the record.
const negativeTTL = 10

// negative returns the SOA for a local name that lacks a type. The name is the
// zone: what is above it is not ours.
func negative(name dnswire.Name) Record {
	return soa(name, negativeTTL)
}
