package dnswire

import "encoding/binary"

// Flag bits of the second header word (RFC 1035 section 4.1.1, RFC 4035
// section 3 for AD and CD).
const (
	FlagQR uint16 = 1 << 15
	FlagAA uint16 = 1 << 10
	FlagTC uint16 = 1 << 9
	FlagRD uint16 = 1 << 8
	FlagRA uint16 = 1 << 7
	FlagZ  uint16 = 1 << 6
	FlagAD uint16 = 1 << 5
	FlagCD uint16 = 1 << 4
)

// ID returns the message's ID. The message must hold a whole header, as in all
// the accessors below.
func ID(msg []byte) uint16 { return binary.BigEndian.Uint16(msg) }

// SetID sets the message's ID.
func SetID(msg []byte, id uint16) { binary.BigEndian.PutUint16(msg, id) }

// Flags returns the second header word: flags, opcode and rcode.
func Flags(msg []byte) uint16 { return binary.BigEndian.Uint16(msg[2:]) }

// SetFlags sets the second header word.
func SetFlags(msg []byte, flags uint16) { binary.BigEndian.PutUint16(msg[2:], flags) }

// Opcode returns the opcode, 0 for a standard query.
func Opcode(msg []byte) int { return int(msg[2]>>3) & 0xF }

// Rcode returns the low four bits of the response code; the upper eight are in
// the OPT record (RFC 6891 section 6.1.3).
func Rcode(msg []byte) int { return int(msg[3]) & 0xF }

// Section is one of the three record sections.
type Section uint8

// The record sections in their order.
const (
	Answer Section = iota
	Authority
	Additional
)

// Count returns the number of records that the header claims for s.
func Count(msg []byte, s Section) int {
	return int(binary.BigEndian.Uint16(msg[6+2*int(s):]))
}

// SetCount sets the header's record count for s.
func SetCount(msg []byte, s Section, n int) {
	binary.BigEndian.PutUint16(msg[6+2*int(s):], uint16(n))
}

// QuestionCount returns the header's question count.
func QuestionCount(msg []byte) int { return int(binary.BigEndian.Uint16(msg[4:])) }

// Question is the question of a message (RFC 1035 section 4.1.2).
type Question struct {
	Name  Name
	Type  uint16
	Class uint16
}

// ReadQuestion reads the first question of msg. end is the offset after it. A
// question cut inside its type or class is ErrShort.
func ReadQuestion(msg []byte) (q Question, end int, err error) {
	if len(msg) < HeaderLen {
		return q, 0, ErrShort
	}
	name, off, err := ReadName(msg, HeaderLen)
	if err != nil {
		return q, 0, err
	}
	if off+4 > len(msg) {
		return q, 0, ErrShort
	}
	q.Name = name
	q.Type = binary.BigEndian.Uint16(msg[off:])
	q.Class = binary.BigEndian.Uint16(msg[off+2:])
	return q, off + 4, nil
}

// Asks reports whether msg has exactly one question and it is q, without regard
// to letter case. It does not allocate.
func Asks(msg []byte, q Question) bool {
	if len(msg) < HeaderLen || QuestionCount(msg) != 1 || !IsName(msg, HeaderLen, q.Name) {
		return false
	}
	off, err := SkipName(msg, HeaderLen)
	return err == nil && off+4 <= len(msg) &&
		binary.BigEndian.Uint16(msg[off:]) == q.Type && binary.BigEndian.Uint16(msg[off+2:]) == q.Class
}

// RR locates one record inside a message. All fields but Type, Class and TTL
// are offsets; the TTL itself stands at Data-6.
type RR struct {
	Section Section
	Type    uint16
	Class   uint16
	TTL     uint32 // seconds; for OPT these are flags
	Owner   int    // of the owner name, possibly compressed
	Data    int    // of the record data
	End     int    // after the record data
}

// TTLOffset is the offset of the record's four TTL bytes.
func (r *RR) TTLOffset() int { return r.Data - 6 }

// Records walks the records of a message in order. The zero value is an empty
// walk. It does not allocate.
//
//	for it := dnswire.NewRecords(msg); it.Next(); { use it.RR }
//	if it.Err() != nil { … }
type Records struct {
	RR   RR
	msg  []byte
	off  int
	left [3]int
	sec  Section
	err  error
}

// NewRecords starts a walk over msg, whose questions are passed over. A message
// that is too short for its header or questions gives a walk with Err set.
func NewRecords(msg []byte) Records {
	it := Records{msg: msg}
	if len(msg) < HeaderLen {
		it.err = ErrShort
		return it
	}
	off := HeaderLen
	for range QuestionCount(msg) {
		var err error
		if off, err = SkipName(msg, off); err != nil {
			it.err = err
			return it
		}
		if off += 4; off > len(msg) {
			it.err = ErrShort
			return it
		}
	}
	it.off = off
	for s := Answer; s <= Additional; s++ {
		it.left[s] = Count(msg, s)
	}
	return it
}

// Next moves to the next record and reports whether there is one.
func (it *Records) Next() bool {
	for it.err == nil && it.sec <= Additional && it.left[it.sec] == 0 {
		it.sec++
	}
	if it.err != nil || it.sec > Additional || it.msg == nil {
		return false
	}
	it.left[it.sec]--
	off, err := SkipName(it.msg, it.off)
	if err == nil && off+10 > len(it.msg) {
		err = ErrShort
	}
	if err != nil {
		it.err = err
		return false
	}
	m := it.msg[off:]
	data := off + 10
	end := data + int(binary.BigEndian.Uint16(m[8:]))
	if end > len(it.msg) {
		it.err = ErrShort
		return false
	}
	it.RR = RR{
		Section: it.sec,
		Type:    binary.BigEndian.Uint16(m),
		Class:   binary.BigEndian.Uint16(m[2:]),
		TTL:     binary.BigEndian.Uint32(m[4:]),
		Owner:   it.off,
		Data:    data,
		End:     end,
	}
	it.off = end
	return true
}

// Err returns what ended the walk early, or nil.
func (it *Records) Err() error { return it.err }

// Offset returns the offset after the last record read: after a whole walk the
// length of the message without trailing bytes.
func (it *Records) Offset() int { return it.off }

// Check walks the whole message and reports the first defect: a cut record, a
// malformed owner name or bytes after the last record.
func Check(msg []byte) error {
	var b [MaxName]byte
	it := NewRecords(msg)
	for it.Next() {
		if _, _, err := readName(b[:], msg, it.RR.Owner); err != nil {
			return err
		}
	}
	if it.err != nil {
		return it.err
	}
	if it.off != len(msg) {
		return ErrCount
	}
	return nil
}
