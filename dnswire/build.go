package dnswire

import "encoding/binary"

// AppendQuestion appends a message head to dst: a header with the given ID and
// flags, one question and no records.
func AppendQuestion(dst []byte, id, flags uint16, q Question) []byte {
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = append(dst, 0, 1, 0, 0, 0, 0, 0, 0)
	dst = append(dst, q.Name...)
	dst = binary.BigEndian.AppendUint16(dst, q.Type)
	return binary.BigEndian.AppendUint16(dst, q.Class)
}

// AppendRR appends a record with an uncompressed owner name. It does not touch
// the header's counts.
func AppendRR(dst []byte, owner Name, typ, class uint16, ttl uint32, data []byte) []byte {
	dst = append(dst, owner...)
	dst = binary.BigEndian.AppendUint16(dst, typ)
	dst = binary.BigEndian.AppendUint16(dst, class)
	dst = binary.BigEndian.AppendUint32(dst, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	return append(dst, data...)
}

// SOA appends the data of an SOA record whose MINIMUM is minimum seconds, with
// the timers that negative answers of a resolver's own usually carry.
func SOA(dst []byte, mname, rname Name, minimum uint32) []byte {
	dst = append(dst, mname...)
	dst = append(dst, rname...)
	dst = binary.BigEndian.AppendUint32(dst, 1)     // serial
	dst = binary.BigEndian.AppendUint32(dst, 3600)  // refresh
	dst = binary.BigEndian.AppendUint32(dst, 600)   // retry
	dst = binary.BigEndian.AppendUint32(dst, 86400) // expire
	return binary.BigEndian.AppendUint32(dst, minimum)
}

// namesIn says where the data of a record type holds names that a sender may
// have compressed: skip bytes, then count names, then bytes to keep as they
// are. These are the types of RFC 1035 and those that RFC 3597 section 4 tells
// receivers to decompress; all other data is opaque.
func namesIn(typ uint16) (skip, count int, ok bool) {
	switch typ {
	case TypeNS, TypeCNAME, TypePTR, TypeDNAME, 3, 4, 7, 8, 9: // MD MF MB MG MR
		return 0, 1, true
	case TypeSOA, 14, 17: // MINFO RP
		return 0, 2, true
	case TypeMX, 18, 21: // AFSDB RT
		return 2, 1, true
	case 26: // PX
		return 2, 2, true
	case TypeNAPTR:
		return 4, 1, true
	case TypeSRV:
		return 6, 1, true
	case TypeSIG, TypeRRSIG:
		return 18, 1, true
	case TypeNXT:
		return 0, 1, true
	}
	return 0, 0, false
}

// Rebuild appends to dst a copy of msg with only the records that keep returns
// true for, and returns the longer slice. Names inside are written out in full
// but for owners that repeat the question's name, the owner before or the target
// of the CNAME before, so that no pointer can lead to a record that was left
// out; other data is copied bit by bit. keep is called once a record, in order.
func Rebuild(dst, msg []byte, keep func(*RR) bool) ([]byte, error) {
	q, end, err := ReadQuestion(msg)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	dst = append(dst, msg[:HeaderLen]...)
	if end-4-HeaderLen == len(q.Name) { // not compressed: keep the letter case
		dst = append(dst, msg[HeaderLen:end-4]...)
	} else {
		dst = append(dst, q.Name...)
	}
	dst = append(dst, msg[end-4:end]...)
	binary.BigEndian.PutUint16(dst[start+4:], 1)
	var counts [3]int
	w := writer{start: start, question: q.Name}
	it := NewRecords(msg)
	for it.Next() {
		rr := &it.RR
		if !keep(rr) {
			continue
		}
		counts[rr.Section]++
		if dst, err = w.append(dst, msg, rr); err != nil {
			return nil, err
		}
	}
	if it.Err() != nil {
		return nil, it.Err()
	}
	for s, n := range counts {
		SetCount(dst[start:], Section(s), n)
	}
	return dst, nil
}

// Reask appends to dst a copy of msg that answers the question q instead of its
// own, and returns the longer slice. The records stay.
func Reask(dst, msg []byte, q Question) ([]byte, error) {
	start := len(dst)
	dst = AppendQuestion(dst, ID(msg), Flags(msg), q)
	copy(dst[start+6:start+HeaderLen], msg[6:HeaderLen]) // the counts of records
	w := writer{start: start, question: q.Name}
	it := NewRecords(msg)
	for it.Next() {
		var err error
		if dst, err = w.append(dst, msg, &it.RR); err != nil {
			return nil, err
		}
	}
	return dst, it.Err()
}

// writer appends records to a message that starts at start.
type writer struct {
	start    int
	question Name
	// The names in full that an owner is likely to repeat, as slices of the
	// message: the owner before, and what the CNAME before points to.
	owner, target span
}

// span is a part of a message; the zero value is none.
type span struct{ from, to int }

// maxPointer is the last offset that a compression pointer can hold (RFC 1035
// section 4.1.4).
const maxPointer = 1<<14 - 1

// appendOwner appends the name at off, compressed if it can be.
func (w *writer) appendOwner(dst, msg []byte, off int) ([]byte, error) {
	var b [MaxName]byte
	n, _, err := readName(b[:], msg, off)
	if err != nil {
		return nil, err
	}
	if string(b[:n]) == string(w.question) && w.question != Root {
		return append(dst, 0xC0, HeaderLen), nil
	}
	here := len(dst)
	if dst, err = appendName(dst, msg, off); err != nil {
		return nil, err
	}
	for _, s := range [...]span{w.owner, w.target} {
		if at := s.from - w.start; s.to-s.from > 2 && at <= maxPointer && string(dst[s.from:s.to]) == string(dst[here:]) {
			return append(dst[:here], 0xC0|byte(at>>8), byte(at)), nil
		}
	}
	w.owner = span{here, len(dst)}
	return dst, nil
}

// append appends the record rr of msg.
func (w *writer) append(dst, msg []byte, rr *RR) ([]byte, error) {
	dst, err := w.appendOwner(dst, msg, rr.Owner)
	if err != nil {
		return nil, err
	}
	dst = append(dst, msg[rr.Data-10:rr.Data]...)
	data := len(dst)
	skip, names, ok := namesIn(rr.Type)
	if !ok {
		return append(dst, msg[rr.Data:rr.End]...), nil
	}
	off := rr.Data + skip
	if rr.Type == TypeNAPTR { // three character-strings stand between (RFC 3403 section 4.1)
		for range 3 {
			if off >= rr.End {
				return nil, ErrShort
			}
			off += 1 + int(msg[off])
		}
	}
	if off > rr.End {
		return nil, ErrShort
	}
	dst = append(dst, msg[rr.Data:off]...)
	for range names {
		end, err := SkipName(msg[:rr.End], off)
		if err != nil {
			return nil, err
		}
		if dst, err = appendName(dst, msg, off); err != nil {
			return nil, err
		}
		off = end
	}
	if rr.Type == TypeCNAME {
		w.target = span{data, len(dst)}
	}
	dst = append(dst, msg[off:rr.End]...)
	binary.BigEndian.PutUint16(dst[data-2:], uint16(len(dst)-data))
	return dst, nil
}

// appendName appends the name at off in full, with its letter case.
func appendName(dst, msg []byte, off int) ([]byte, error) {
	var b [MaxName]byte
	if _, _, err := readName(b[:], msg, off); err != nil {
		return nil, err
	}
	for {
		l := int(msg[off])
		if l&0xC0 == 0xC0 {
			off = (l&0x3F)<<8 | int(msg[off+1])
			continue
		}
		dst = append(dst, msg[off:off+1+l]...)
		if off += 1 + l; l == 0 {
			return dst, nil
		}
	}
}
