package blocklists

import "unsafe"

// sliceBytes returns the memory of the elements that a slice has room for, not
// of what they refer to.
func sliceBytes[T any](s []T) int64 {
	var element T
	return int64(cap(s)) * int64(unsafe.Sizeof(element))
}

// stringBytes returns the memory of a slice of strings and of their texts.
func stringBytes[S ~string](list []S) int64 {
	n := sliceBytes(list)
	for _, s := range list {
		n += int64(len(s))
	}
	return n
}

func (l Lists) bytes() int64 { return sliceBytes(l.words) }

func (t *byID) bytes() int64 { return sliceBytes(t.first) + sliceBytes(t.rules) }

// bytes returns the memory of the table, conditions and replies included.
func (k *kinds) bytes() int64 {
	n := sliceBytes(k.all) + sliceBytes(k.effects)
	conditions := make(map[*Condition]struct{})
	replies := make(map[*Reply]struct{})
	for _, e := range k.effects {
		conditions[e.cond] = struct{}{}
		replies[e.reply] = struct{}{}
	}
	for c := range conditions {
		n += c.bytes()
	}
	for r := range replies {
		n += r.bytes()
	}
	return n
}

func (c *Condition) bytes() int64 {
	if c == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*c)) + sliceBytes(c.Types) + sliceBytes(c.NotTypes) + stringBytes(c.DenyAllow)
	for _, clients := range [...][]ClientMatch{c.Clients, c.NotClients} {
		n += sliceBytes(clients)
		for _, m := range clients {
			n += int64(len(m.Name))
		}
	}
	return n
}

func (r *Reply) bytes() int64 {
	if r == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*r)) + int64(len(r.CNAME)) + sliceBytes(r.Records)
	for _, record := range r.Records {
		n += int64(cap(record.Data))
	}
	return n
}
