package cache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tundns/atomicfile"
	"tundns/dnswire"
)

// A snapshot is, with all numbers big-endian:
//
//	snapshotMagic
//	for each entry, the least recently used first:
//	    uint32  length of the message, never 0
//	    uint8   flags: 1 DO, 2 CD
//	    int64   expiry, Unix seconds
//	    uint8   length of the upstream group's name
//	    uint8   number of Extended DNS Errors
//	    the message, whose question is the entry's; the group's name
//	    for each error: uint16 code, uint8 length of the text, the text
//	uint32 0
//	SHA-256 of all bytes before it
//
// The version is part of the magic: a snapshot of another version is none.
const snapshotMagic = "tundns cache 1\n"

const (
	recordHead      = 4 + 1 + 8 + 1 + 1
	flagDO     byte = 1
	flagCD     byte = 2
	// maxSnapshotMessage leaves out the few messages that names written out in
	// full made larger than any that an upstream sends.
	maxSnapshotMessage = 2 * dnswire.MaxMessage
	// maxSnapshotErrors bounds the Extended DNS Errors of one entry; the
	// resolver keeps four.
	maxSnapshotErrors = 16
	// snapshotRoom is how many times the cache's bytes a snapshot may have: one
	// never has more than once, but max_bytes may be smaller than it was.
	snapshotRoom = 8
)

var (
	errNoSnapshot = errors.New("not a cache snapshot of this version")
	errDamaged    = errors.New("the cache snapshot is damaged")
)

// WriteSnapshot writes the answers that can still be used, fresh or stale, and
// returns their number. Failures are not written. Other methods may be called
// meanwhile; what they add may be missing.
func (c *Messages) WriteSnapshot(w io.Writer) (int, error) {
	sum := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(w, sum))
	out.WriteString(snapshotMagic)
	now, n := c.now(), 0
	var buf []byte
	for i := range c.shards {
		for _, kind := range []Kind{Positive, Negative} {
			keys, entries := c.shards[i].content(kind)
			for j, e := range entries {
				if !now.Before(e.expires.Add(c.staleFor)) || len(e.message) > maxSnapshotMessage {
					continue
				}
				buf = appendSnapshot(buf[:0], keys[j], e, now)
				out.Write(buf) // the first error stays, for Flush
				n++
			}
		}
	}
	out.Write([]byte{0, 0, 0, 0})
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err := w.Write(sum.Sum(nil))
	return n, err
}

// content returns what the shard has of a kind, the least recently used first.
func (s *shard) content(kind Kind) ([]Key, []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lru[kind].lru.Keys(), s.lru[kind].lru.Values()
}

func appendSnapshot(b []byte, k Key, e *entry, now time.Time) []byte {
	var flags byte
	if k.DO {
		flags |= flagDO
	}
	if k.CD {
		flags |= flagCD
	}
	errs := e.edes[:min(len(e.edes), maxSnapshotErrors)]
	group := k.Group[:min(len(k.Group), 255)]
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.message)))
	b = append(b, flags)
	// By the wall clock of now: the entry's own may have been set since.
	b = binary.BigEndian.AppendUint64(b, uint64(now.Unix()+int64(e.expires.Sub(now)/time.Second)))
	b = append(b, byte(len(group)), byte(len(errs)))
	b = append(b, e.message...)
	b = append(b, group...)
	for _, d := range errs {
		text := d.Text[:min(len(d.Text), 255)]
		b = binary.BigEndian.AppendUint16(b, d.Code)
		b = append(b, byte(len(text)))
		b = append(b, text...)
	}
	return b
}

// ReadSnapshot adds the entries of a snapshot and returns their number. They are
// stale at once, however fresh they were: upstreams are asked first, and the
// entries serve while that fails, until StaleFor after their true expiry.
// Nothing is added when the checksum does not match.
func (c *Messages) ReadSnapshot(r io.ReadSeeker) (int, error) {
	if err := c.verify(r); err != nil {
		return 0, err
	}
	if _, err := r.Seek(int64(len(snapshotMagic)), io.SeekStart); err != nil {
		return 0, err
	}
	in, now, n := bufio.NewReader(r), c.now(), 0
	for {
		k, e, err := readEntry(in, now)
		if err != nil || e == nil {
			return n, err
		}
		if now.Before(e.expires.Add(c.staleFor)) && c.add(k, e) {
			n++
		}
	}
}

// verify checks size, magic and checksum.
func (c *Messages) verify(r io.ReadSeeker) error {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return errNoSnapshot
	}
	body := size - int64(len(magic)) - sha256.Size
	switch {
	case body < 4:
		return errDamaged
	case size > snapshotRoom*c.maxBytes:
		return fmt.Errorf("the cache snapshot has %d bytes, more than %d times those of the cache", size, snapshotRoom)
	}
	sum := sha256.New()
	sum.Write(magic)
	if _, err := io.CopyN(sum, r, body); err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, want); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return errDamaged
	}
	return nil
}

// readEntry reads one entry, made stale as of now. At the end there is none.
func readEntry(in io.Reader, now time.Time) (Key, *entry, error) {
	var head [recordHead]byte
	if _, err := io.ReadFull(in, head[:4]); err != nil {
		return Key{}, nil, errDamaged
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 {
		return Key{}, nil, nil
	}
	if _, err := io.ReadFull(in, head[4:]); err != nil || size > maxSnapshotMessage {
		return Key{}, nil, errDamaged
	}
	groupLen, errs := int(head[13]), int(head[14])
	b := make([]byte, int(size)+groupLen)
	if _, err := io.ReadFull(in, b); err != nil || errs > maxSnapshotErrors {
		return Key{}, nil, errDamaged
	}
	edes, err := readErrors(in, errs)
	if err != nil {
		return Key{}, nil, err
	}
	// What the checksum vouches for was written by this program, but perhaps not
	// by this build: only what it would store itself is stored.
	msg := b[:size:size]
	q, _, err := dnswire.ReadQuestion(msg)
	if err != nil || dnswire.QuestionCount(msg) != 1 || dnswire.Check(msg) != nil {
		return Key{}, nil, errDamaged
	}
	k := Key{Name: q.Name, Type: q.Type, Class: q.Class, DO: head[4]&flagDO != 0, CD: head[4]&flagCD != 0, Group: string(b[size:])}
	kind, ttl := classify(k, msg)
	if ttl == 0 || kind == Failure {
		return Key{}, nil, errDamaged
	}
	ago := max(now.Unix()-int64(binary.BigEndian.Uint64(head[5:])), 0)
	// 272 years are stale enough, and short of a Duration's end.
	expired := now.Add(-time.Duration(min(ago, 1<<33-1)) * time.Second)
	return k, &entry{message: msg, edes: edes, born: expired, expires: expired, kind: kind}, nil
}

func readErrors(in io.Reader, n int) ([]dnswire.EDE, error) {
	var edes []dnswire.EDE
	for range n {
		var b [3 + 255]byte
		if _, err := io.ReadFull(in, b[:3]); err != nil {
			return nil, errDamaged
		}
		text := b[3 : 3+int(b[2])]
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, errDamaged
		}
		edes = append(edes, dnswire.EDE{Code: binary.BigEndian.Uint16(b[:]), Text: string(text)})
	}
	return edes, nil
}

// Save writes a snapshot to the file at path, which only its owner can read: it
// tells what was asked. The file is replaced in one step, or left as it was. It
// returns the number of entries.
func (c *Messages) Save(path string) (n int, err error) {
	err = atomicfile.Write(path, func(w io.Writer) error {
		n, err = c.WriteSnapshot(w)
		return err
	})
	return n, err
}

// Load adds the entries of the snapshot in the file at path, as ReadSnapshot
// does. Without such a file the error is fs.ErrNotExist.
func (c *Messages) Load(path string) (int, error) {
	if fi, err := os.Stat(path); err != nil {
		return 0, err
	} else if !fi.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a file", path) // opening a pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := c.ReadSnapshot(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return n, err
}
