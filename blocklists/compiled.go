package blocklists

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"tundns/atomicfile"
	"tundns/blocklists/nametable"
)

// Loader loads lists by way of the compiled form of their set, which it keeps in
// a file for the next load of the same lists. It is not safe for concurrent use;
// several loaders may use one file.
type Loader struct {
	File string // "" is no file; its folder is made if need be

	// Background makes Load rest for most of the time: it takes three times as long,
	// and whoever has something urgent to do meanwhile does not wait for it.
	Background bool

	// What the last Load did. Trouble says why the file could not be written: the
	// set is good all the same, only the next load takes as long again.
	Used    bool // the set is from the file
	Written bool // the set was written to the file
	Trouble error
}

// minCompiled is the number of rules from which on a set is worth a file: fewer
// are read from their lists in some 10 ms.
const minCompiled = 10_000

// Load is like the function Load, but takes a tenth of the time when File can be
// used: the sources are read then, but not parsed. File can be used when the same
// build of the program wrote it for the same sources: their names, formats,
// options and contents, in the same order. When it cannot, because it is of other
// sources or damaged, it is replaced; sets of less than 10,000 rules are not
// written. Reports from the file say how long the lists took when they were
// parsed.
//
// Source.Open is called twice when File is there but cannot be used.
func (l *Loader) Load(ctx context.Context, sources []Source) (*Set, []Report, error) {
	*l = Loader{File: l.File, Background: l.Background}
	if err := check(sources); err != nil {
		return nil, nil, err
	}
	var b builder
	var pause func()
	if l.Background {
		pause = pauses(ctx)
	}
	b.names.Pause = pause
	if l.File == "" {
		return b.load(ctx, sources, nil)
	}
	if set, reports, err := readCompiled(ctx, l.File, sources, pause); err == nil {
		l.Used = true
		return set, reports, nil
	}
	fp := newFingerprint(sources)
	set, reports, err := b.load(ctx, sources, fp)
	if err != nil || set.Rules() < minCompiled {
		return set, reports, err
	}
	if l.Trouble = os.MkdirAll(filepath.Dir(l.File), 0o700); l.Trouble == nil {
		l.Trouble = atomicfile.Write(l.File, func(w io.Writer) error {
			return writeCompiled(pausing{w, pause}, fp.sum(nil), set, b.parts(), reports)
		})
	}
	l.Written = l.Trouble == nil
	return set, reports, nil
}

const (
	// workTime is how long a load in the background works at a stretch: a query that
	// has to wait for so long is not late yet.
	workTime = 100 * time.Microsecond
	// restTime leaves three quarters of a processor to others.
	restTime = 300 * time.Microsecond
)

// pauses returns a function that is to be called often, and sleeps a little
// whenever workTime is over. Once ctx is done nobody rests any more.
func pauses(ctx context.Context) func() {
	last := time.Now()
	return func() {
		if time.Since(last) >= workTime && ctx.Err() == nil {
			time.Sleep(restTime)
			last = time.Now()
		}
	}
}

// pausing calls pause before it writes, unless that is nil.
type pausing struct {
	io.Writer
	pause func()
}

// Write pauses and passes b on.
func (p pausing) Write(b []byte) (int, error) {
	if p.pause != nil {
		p.pause()
	}
	return p.Writer.Write(b)
}

// The file is
//
//	magic
//	the fingerprint of the sources
//	length of the next part, 8 bytes, little endian
//	the reports as JSON, with their length in front; all of the set but the names, see form.go
//	the names as package nametable saves them
//	SHA-256 of all before
const (
	// magic ends in the version of the form, to be raised when it changes.
	magic     = "tundns lists\x00\x00\x00\x01"
	headerLen = len(magic) + sha256.Size + 8
)

var (
	errOther   = errors.New("compiled from other lists or by another program")
	errDamaged = errors.New("damaged")
)

func writeCompiled(w io.Writer, fp []byte, s *Set, parts parts, reports []Report) error {
	text, err := json.Marshal(reports)
	if err != nil {
		return err
	}
	form := s.appendForm(appendString(nil, text), parts)
	head := append([]byte(magic), fp...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(form)))
	sum := sha256.New()
	all := io.MultiWriter(w, sum)
	for _, part := range [...][]byte{head, form} {
		if _, err := all.Write(part); err != nil {
			return err
		}
	}
	if _, err := s.names.WriteTo(all); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// readCompiled returns what a file holds, or an error when that is not what the
// sources would give. It calls pause now and then unless that is nil.
func readCompiled(ctx context.Context, file string, sources []Source, pause func()) (*Set, []Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, nil, err
	}
	fp, err := fingerprintOf(ctx, sources, pause)
	if err != nil {
		return nil, nil, err
	}
	if string(head[:len(magic)+sha256.Size]) != magic+string(fp) {
		return nil, nil, errOther
	}
	rest := info.Size() - int64(headerLen) - sha256.Size
	length := binary.LittleEndian.Uint64(head[len(magic)+sha256.Size:])
	if rest < 0 || length > uint64(rest) || rest > maxFile {
		return nil, nil, errDamaged
	}
	// The names keep what they are in: that is a buffer of their own.
	form, names, want := make([]byte, length), make([]byte, uint64(rest)-length), make([]byte, sha256.Size)
	for _, part := range [...][]byte{form, names, want} {
		if _, err := io.ReadFull(f, part); err != nil {
			return nil, nil, err
		}
	}
	sum := sha256.New()
	for _, part := range [...][]byte{head, form, names} {
		if _, err := io.Copy(sum, &input{ctx: ctx, src: bytes.NewReader(part), pause: pause}); err != nil {
			return nil, nil, err
		}
	}
	if string(sum.Sum(nil)) != string(want) {
		return nil, nil, errDamaged
	}
	return decodeCompiled(form, names, sources)
}

// maxFile is more than a table of names can have, and what int can count on small
// machines.
const maxFile = 1<<31 - 1

// decodeCompiled returns what the two parts of a file hold. It keeps names.
func decodeCompiled(form, names []byte, sources []Source) (*Set, []Report, error) {
	d := decoder{rest: form}
	var reports []Report
	if err := json.Unmarshal([]byte(d.string()), &reports); err != nil {
		return nil, nil, err
	}
	if len(reports) != len(sources) {
		return nil, nil, errDamaged
	}
	lists := make([]string, len(sources))
	for i := range sources {
		lists[i] = sources[i].Name
		reports[i].Path = sources[i].Path
	}
	set, err := decodeSet(d.rest, names, lists)
	return set, reports, err
}

// decodeSet returns the set of the given lists with the form that appendForm made
// and the names that package nametable saved. It keeps names and lists.
func decodeSet(form, names []byte, lists []string) (*Set, error) {
	d := decoder{rest: form}
	s := d.set(lists)
	if d.bad {
		return nil, errDamaged
	}
	var err error
	if s.names, err = nametable.Read(names); err != nil {
		return nil, err
	}
	if s.names.Kinds() > len(s.kinds.all) {
		return nil, errDamaged
	}
	return s, nil
}
