package dnswire

import "slices"

// maxChain bounds the CNAMEs of one message that are followed: longer chains are
// loops or attacks (Unbound follows 11).
const maxChain = 16

// Chain returns name and the names that the answer section's CNAME records lead
// to from it, in whatever order the records stand. It ends before a name would
// come twice.
func Chain(msg []byte, name Name) []Name {
	names := append(make([]Name, 0, 4), name)
	for len(names) < maxChain {
		last := names[len(names)-1]
		var next Name
		for it := NewRecords(msg); it.Next() && it.RR.Section == Answer; {
			if it.RR.Type == TypeCNAME && IsName(msg, it.RR.Owner, last) {
				next, _, _ = ReadName(msg, it.RR.Data)
				break
			}
		}
		if next == "" || slices.Contains(names, next) {
			break
		}
		names = append(names, next)
	}
	return names
}
