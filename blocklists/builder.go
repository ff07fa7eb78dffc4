package blocklists

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
	"slices"
)

// builder collects rules as a tree of labels, the top-level domains first, and
// compiles them into a Set.
type builder struct {
	seed   maphash.Seed
	nodes  []node   // nodes[0] is the root
	labels []byte   // length byte and label of every node but the root
	table  []uint32 // open addressing over nodes by hash; 0 is free
	rules  []chained
	full   bool
}

type node struct {
	hash   uint64
	parent uint32 // index in nodes
	label  uint32 // offset in labels
	rules  uint32 // index of the first rule, 0 for none
}

// chained is a rule of a node. A node's rules are in the order of lists and
// lines, because they are added in that order.
type chained struct {
	line uint32
	next uint32 // index in rules, 0 ends the chain
	list uint16
	f    flags
}

// maxSize bounds every part of a set: offsets are 32 bits wide, and int has no
// more on small machines.
const maxSize = 1<<31 - 1

var errTooLarge = errors.New("the lists are too large: more than 2 GiB of names")

func newBuilder() *builder {
	return &builder{
		seed:  maphash.MakeSeed(),
		nodes: make([]node, 1),
		table: make([]uint32, 1<<10),
		rules: make([]chained, 1),
	}
}

// add adds a rule of the given list and line and reports whether it is new in
// that list. Lists and lines must not go down from call to call. name is in wire
// form and not kept.
func (b *builder) add(name []byte, list uint16, line uint32, f flags) bool {
	if len(b.labels) > maxSize-len(name) || len(b.rules) >= maxSize {
		b.full = true
		return false
	}
	var starts [maxLabels]uint8
	at := uint32(0)
	for i := labelStarts(&starts, name) - 1; i >= 0; i-- {
		label := name[starts[i]:]
		at = b.child(at, label[:1+label[0]])
	}
	link := &b.nodes[at].rules
	for *link != 0 {
		r := &b.rules[*link]
		if r.list == list && r.f == f {
			return false
		}
		link = &r.next
	}
	*link = uint32(len(b.rules))
	b.rules = append(b.rules, chained{line: line, list: list, f: f})
	return true
}

// child returns the node for label under parent and makes it if need be. label
// has its length byte in front.
func (b *builder) child(parent uint32, label []byte) uint32 {
	hash := chainHash(b.nodes[parent].hash, maphash.Bytes(b.seed, label[1:]))
	i := b.slot(hash, func(n *node) bool {
		return n.parent == parent && string(b.label(n)) == string(label)
	})
	if b.table[i] != 0 {
		return b.table[i]
	}
	at := uint32(len(b.nodes))
	b.nodes = append(b.nodes, node{hash: hash, parent: parent, label: uint32(len(b.labels))})
	b.labels = append(b.labels, label...)
	b.table[i] = at
	if len(b.nodes) > len(b.table)/4*3 {
		b.grow()
	}
	return at
}

// slot returns the place in the table of the node with the given hash that is
// the one sought, or the free place where it belongs.
func (b *builder) slot(hash uint64, is func(*node) bool) int {
	mask := len(b.table) - 1
	i := int(hash) & mask
	for b.table[i] != 0 {
		if n := &b.nodes[b.table[i]]; n.hash == hash && is(n) {
			break
		}
		i = (i + 1) & mask
	}
	return i
}

func (b *builder) grow() {
	b.table = make([]uint32, 2*len(b.table))
	for i := 1; i < len(b.nodes); i++ {
		at := b.slot(b.nodes[i].hash, func(*node) bool { return false })
		b.table[at] = uint32(i)
	}
}

// label returns the label of n with its length byte.
func (b *builder) label(n *node) []byte {
	label := b.labels[n.label:]
	return label[:1+label[0]]
}

// compile lays the tree out as a Set for the lists of the given names. The
// builder is not to be used afterwards.
func (b *builder) compile(lists []string) (*Set, error) {
	if b.full {
		return nil, errTooLarge
	}
	b.table = nil
	s := &Set{seed: b.seed, lists: slices.Clone(lists), rules: len(b.rules) - 1, refLen: 3}
	buckets := max(1, len(b.nodes)/perBucket)
	size := b.measure(buckets, s.refLen)
	if sum(size) >= 1<<24 { // three bytes cannot say where a node is
		s.refLen = 4
		size = b.measure(buckets, s.refLen)
	}
	if sum(size) >= maxSize {
		return nil, errTooLarge
	}
	s.index = make([]uint32, buckets+1)
	s.index[0] = 1 // 0 is the root
	for i, n := range size {
		s.index[i+1] = s.index[i] + n
	}
	s.arena = make([]byte, s.index[buckets])
	var (
		where = make([]uint32, len(b.nodes)) // offset of each node in the arena
		next  = slices.Clone(s.index)        // free offset in each bucket
	)
	for i := 1; i < len(b.nodes); i++ {
		n := &b.nodes[i]
		at := &next[bucketOf(n.hash, buckets)]
		where[i] = *at
		*at += uint32(len(b.appendNode(s.arena[*at:*at], n, where[n.parent], s.refLen))) // parents come before children
		if n.rules != 0 {
			s.names++
		}
	}
	return s, nil
}

// measure returns the bytes that each bucket will take.
func (b *builder) measure(buckets, refLen int) []uint32 {
	size := make([]uint32, buckets)
	var scratch []byte
	for i := 1; i < len(b.nodes); i++ {
		n := &b.nodes[i]
		scratch = b.appendNode(scratch[:0], n, 0, refLen)
		size[bucketOf(n.hash, buckets)] += uint32(len(scratch))
	}
	return size
}

func sum(size []uint32) (total int64) {
	for _, n := range size {
		total += int64(n)
	}
	return total
}

// appendNode appends the record of n. See Set.arena.
func (b *builder) appendNode(dst []byte, n *node, parent uint32, refLen int) []byte {
	start := len(dst)
	dst = append(dst, b.label(n)...)
	for range refLen {
		dst = append(dst, byte(parent))
		parent >>= 8
	}
	if n.rules == 0 {
		dst[start] |= bareNode
	}
	for i := n.rules; i != 0; i = b.rules[i].next {
		r := &b.rules[i]
		head := uint64(r.list)<<flagBits | uint64(r.f)
		head <<= 1
		if r.next != 0 {
			head |= 1
		}
		dst = binary.AppendUvarint(dst, head)
		dst = binary.AppendUvarint(dst, uint64(r.line))
	}
	return dst
}

// chainHash is the hash of a node from those of its parent and its label.
func chainHash(parent, label uint64) uint64 {
	return (bits.RotateLeft64(parent, 7) ^ label) * 0x9E3779B97F4A7C15 // 2^64 / golden ratio: odd, bits well mixed
}

// bucketOf maps a hash evenly to one of n buckets.
func bucketOf(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}
