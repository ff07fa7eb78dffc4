package config

import (
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value of a TOML document with its place.
type node struct {
	// kind is Table (inline or not), Array (of tables or of values) or one of the scalars.
	kind unstable.Kind
	// name is the last part of the key, for an item that of its array.
	name string
	// at is the offset of the value; for a table with a header that of its name there.
	at int
	// text is a string's value, any other scalar as written.
	text string
	// items are those of an Array.
	items []*node
	// entries are those of a Table, in the document's order; index finds them by name.
	entries []*entry
	index   map[string]*entry
}

// entry is a key of a table. at is the key's offset.
type entry struct {
	name  string
	at    int
	value *node
}

// get returns the entry of that name, or nil.
func (n *node) get(name string) *entry { return n.index[name] }

// add appends an entry.
func (n *node) add(e *entry) {
	if n.index == nil {
		n.index = map[string]*entry{}
	}
	n.index[e.name] = e
	n.entries = append(n.entries, e)
}

// parseTree returns the root table of a document that go-toml has decoded without error;
// that check covers what the parser alone lets through, such as keys given twice.
func parseTree(data []byte) (*node, error) {
	var p unstable.Parser
	p.Reset(data)
	root := &node{kind: unstable.Table}
	current := root
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			current = enter(root, keyOf(e), false)
		case unstable.ArrayTable:
			current = enter(root, keyOf(e), true)
		case unstable.KeyValue:
			addValue(data, current, e)
		}
	}
	return root, p.Error()
}

// part is one part of a dotted key. end is the offset behind it.
type part struct {
	name    string
	at, end int
}

func keyOf(n *unstable.Node) []part {
	var parts []part
	for it := n.Key(); it.Next(); {
		raw := it.Node().Raw
		parts = append(parts, part{
			name: string(it.Node().Data),
			at:   int(raw.Offset),
			end:  int(raw.Offset + raw.Length),
		})
	}
	return parts
}

// enter returns the table that a header names, made where it does not exist. With item,
// it is a new item of the array of tables of that name.
func enter(t *node, key []part, item bool) *node {
	for i, p := range key {
		e := t.get(p.name)
		if item && i == len(key)-1 {
			if e == nil {
				e = &entry{p.name, p.at, &node{kind: unstable.Array, name: p.name, at: p.at}}
				t.add(e)
			}
			t = &node{kind: unstable.Table, name: p.name, at: p.at}
			e.value.items = append(e.value.items, t)
			return t
		}
		switch {
		case e == nil:
			e = &entry{p.name, p.at, &node{kind: unstable.Table, name: p.name, at: p.at}}
			t.add(e)
			t = e.value
		case e.value.kind == unstable.Array && len(e.value.items) > 0:
			t = e.value.items[len(e.value.items)-1]
		default:
			t = e.value
		}
	}
	return t
}

// addValue adds "key = value" to a table.
func addValue(data []byte, t *node, kv *unstable.Node) {
	key := keyOf(kv)
	last := key[len(key)-1]
	// Arrays have no position of their own: a value begins behind the key's "=".
	at := last.end
	for at < len(data)-1 && (data[at] == ' ' || data[at] == '\t' || data[at] == '=') {
		at++
	}
	t = enter(t, key[:len(key)-1], false)
	t.add(&entry{last.name, last.at, valueOf(data, kv.Value(), last.name, at)})
}

// valueOf converts a value that begins at offset at.
func valueOf(data []byte, v *unstable.Node, name string, at int) *node {
	n := &node{kind: v.Kind, name: name, at: at}
	switch v.Kind {
	case unstable.InlineTable:
		n.kind = unstable.Table
		for it := v.Children(); it.Next(); {
			addValue(data, n, it.Node())
		}
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			// An array in an array has no Raw; the outer one's place is near enough.
			itemAt := at
			if raw := it.Node().Raw; raw.Length > 0 {
				itemAt = int(raw.Offset)
			}
			n.items = append(n.items, valueOf(data, it.Node(), name, itemAt))
		}
	default:
		n.text = string(v.Data)
	}
	return n
}
