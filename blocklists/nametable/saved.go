package nametable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The saved form of a table, all numbers little endian:
//
//	magic, 8 bytes
//	the model's sum, 8 bytes
//	the keys
//	numbers of names and of rules, depths, 8 bytes each
//	bucketBits, numbers of entries of heads.direct and of pages, 4 bytes each
//	heads.direct: kind, 4 bytes; bits of the line, the two lengths, 1 byte each
//	bases, index, pages

// magic ends in the version of the form.
const magic = "nametab\x01"

const (
	headerBytes = len(magic) + 8 + keyBytes + 3*8 + 3*4
	directBytes = 4 + 3
)

// AppendBinary appends the saved form of t to b. The error is always nil.
func (t *Table) AppendBinary(b []byte) ([]byte, error) {
	b = t.appendHeader(b)
	if t == nil || t.names == 0 {
		return b, nil
	}
	b = append(b, t.bases...)
	b = append(b, t.index...)
	for _, page := range t.pages {
		b = append(b, page[:]...)
	}
	return b, nil
}

// WriteTo writes the saved form of t to w, without making a copy of it.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(t.appendHeader(nil))
	sum := int64(n)
	if err != nil || t == nil || t.names == 0 {
		return sum, err
	}
	parts := [][]byte{t.bases, t.index}
	for _, page := range t.pages {
		parts = append(parts, page[:])
	}
	for _, part := range parts {
		n, err := w.Write(part)
		sum += int64(n)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (t *Table) appendHeader(b []byte) []byte {
	if t == nil || t.names == 0 {
		t = &Table{model: loadModel(), heads: new(heads)}
	}
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint64(b, t.model.sum)
	b = t.keys.append(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.names))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.rules))
	b = binary.LittleEndian.AppendUint64(b, t.depths)
	b = binary.LittleEndian.AppendUint32(b, uint32(t.bucketBits))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.heads.direct)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.pages)))
	for _, d := range t.heads.direct {
		b = binary.LittleEndian.AppendUint32(b, d.kind)
		b = append(b, d.line, d.lengths[0], d.lengths[1])
	}
	return b
}

// Errors of Read.
var (
	// ErrDamaged says that the bytes are not the saved form of a table.
	ErrDamaged = errors.New("not a saved table of names, or a damaged one")
	// ErrVersion says that another version of this program saved the table.
	ErrVersion = errors.New("the table of names was saved by another version")
)

// Read returns the table with the saved form b, which it owns and uses from then
// on. The error is or wraps ErrDamaged or ErrVersion. Damage that Read does not
// notice makes Find yield wrong rules, of kinds below Kinds all the same; who
// must know keeps a checksum beside.
func Read(b []byte) (*Table, error) {
	if len(b) < headerBytes || string(b[:len(magic)-1]) != magic[:len(magic)-1] {
		return nil, ErrDamaged
	}
	t := &Table{model: loadModel()}
	f := fields(b)
	if string(f.next(len(magic))) != magic || f.uint64() != t.model.sum {
		return nil, ErrVersion
	}
	t.keys.set(f.next(keyBytes))
	names, rules := f.uint64(), f.uint64()
	t.depths = f.uint64()
	bucketBits, direct, pages := f.uint32(), f.uint32(), f.uint32()
	if names == 0 {
		return new(Table), nil
	}
	if names > math.MaxInt32 || rules > math.MaxInt32 || bucketBits > maxBucketBits || direct == 0 || direct > maxDirect+1 || pages == 0 {
		return nil, fmt.Errorf("%w: numbers out of range", ErrDamaged)
	}
	t.names, t.rules, t.bucketBits = int(names), int(rules), uint(bucketBits)
	buckets := int64(1) << bucketBits
	bases, index := 4*(buckets>>superBits+1), indexBytes*buckets+indexTail
	if want := int64(direct)*directBytes + bases + index + int64(pages)*pageSize; want != int64(len(f)) {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrDamaged, len(f), want)
	}
	t.heads = new(heads)
	for range direct {
		d := kindCode{kind: f.uint32()}
		rest := f.next(3)
		d.line, d.lengths = rest[0], [2]uint8(rest[1:])
		t.heads.direct = append(t.heads.direct, d)
	}
	if err := t.heads.check(); err != nil {
		return nil, err
	}
	t.bases, t.index = f.next(int(bases)), f.next(int(index))
	for len(f) > 0 {
		t.pages = append(t.pages, (*page)(f.next(pageSize)))
	}
	return t, nil
}

// check makes the code of a head that was read, or says why it is none.
func (h *heads) check() error {
	kinds := h.kinds()
	if kinds > maxKinds {
		return fmt.Errorf("%w: %d kinds", ErrDamaged, kinds)
	}
	coded := false
	for i, d := range h.direct {
		if d.line > 32 || i < len(h.direct)-1 && d.kind >= kinds {
			return fmt.Errorf("%w: kind %d", ErrDamaged, d.kind)
		}
		coded = coded || d.lengths != [2]uint8{}
	}
	if !coded {
		return fmt.Errorf("%w: kinds without a code", ErrDamaged)
	}
	if err := h.fill(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// fields are the bytes not read yet. There must be enough of them.
type fields []byte

// next returns the next n bytes, without room to append to them.
func (f *fields) next(n int) []byte {
	b := (*f)[:n:n]
	*f = (*f)[n:]
	return b
}

func (f *fields) uint32() uint32 { return binary.LittleEndian.Uint32(f.next(4)) }
func (f *fields) uint64() uint64 { return binary.LittleEndian.Uint64(f.next(8)) }
