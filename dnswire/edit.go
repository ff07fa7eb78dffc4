package dnswire

import "encoding/binary"

// MinTTL returns the shortest TTL of the records in msg, OPT excepted, in
// seconds. ok is false when there is no such record.
func MinTTL(msg []byte) (ttl uint32, ok bool) {
	for it := NewRecords(msg); it.Next(); {
		if it.RR.Type == TypeOPT {
			continue
		}
		if !ok || it.RR.TTL < ttl {
			ttl, ok = it.RR.TTL, true
		}
	}
	return ttl, ok
}

// MapTTL replaces the TTL of every record of msg, OPT excepted, by f of it.
func MapTTL(msg []byte, f func(ttl uint32) uint32) {
	for it := NewRecords(msg); it.Next(); {
		if it.RR.Type != TypeOPT {
			binary.BigEndian.PutUint32(msg[it.RR.TTLOffset():], f(it.RR.TTL))
		}
	}
}

// Truncate cuts records from the end of msg, whole RRsets at a time, until it is
// at most limit bytes long, and returns the shorter slice with its counts set.
// TC is set when an answer or authority record is gone; additional records
// alone may be left out without it (RFC 2181 section 9). msg must be well formed
// (Check) and have no OPT record. A question longer than limit leaves only the
// header and the question.
func Truncate(msg []byte, limit int) []byte {
	if len(msg) <= limit {
		return msg
	}
	var (
		it     = NewRecords(msg)
		cut    = it.Offset() // end of what is kept
		kept   [3]int
		counts [3]int
		prev   RR
		owner  [MaxName]byte
		ownerN int
		first  = true
	)
	for it.Next() {
		rr := it.RR
		var b [MaxName]byte
		n, _, err := readName(b[:], msg, rr.Owner)
		if err != nil {
			break
		}
		same := !first && rr.Section == prev.Section && rr.Type == prev.Type && rr.Class == prev.Class &&
			string(b[:n]) == string(owner[:ownerN])
		if !same { // an RRset starts here: all before it may stay
			if rr.Owner > limit {
				break
			}
			cut, kept = rr.Owner, counts
		}
		counts[rr.Section]++
		prev, owner, ownerN, first = rr, b, n, false
	}
	flags := Flags(msg)
	if kept[Answer] < Count(msg, Answer) || kept[Authority] < Count(msg, Authority) {
		flags |= FlagTC
	}
	SetFlags(msg, flags)
	for s, n := range kept {
		SetCount(msg, Section(s), n)
	}
	return msg[:cut]
}
