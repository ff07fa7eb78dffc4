package blocklists

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// fingerprint is the hash of all that a set depends on: the program, and the
// sources with their contents.
type fingerprint struct {
	io.Writer
	sum func([]byte) []byte
}

// newFingerprint returns the fingerprint of sources to which their contents are
// still to be added, one after the other: what is written, then end.
func newFingerprint(sources []Source) *fingerprint {
	h := sha256.New()
	b := appendString(nil, program())
	b = appendCount(b, sources)
	for i := range sources {
		b = appendString(b, sources[i].Name)
		b = appendOptions(b, &sources[i])
	}
	h.Write(b)
	return &fingerprint{h, h.Sum}
}

// program returns what tells this build of the program from others, which may
// read lists differently: the versions of all modules, and the size and start of
// the executable file, where the linker writes a hash of all that it is built
// from, and the sizes of all parts. It is taken once: an update may put another
// file in the place of the one that runs.
var program = sync.OnceValue(func() []byte {
	h := sha256.New()
	if info, ok := debug.ReadBuildInfo(); ok {
		io.WriteString(h, info.String())
	}
	if path, err := os.Executable(); err == nil {
		if file, err := os.Open(path); err == nil {
			defer file.Close()
			if info, err := file.Stat(); err == nil {
				h.Write(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())))
			}
			io.CopyN(h, file, 64<<10)
		}
	}
	return h.Sum(nil)
})

// appendOptions appends all that a source says beside its name and place.
func appendOptions(b []byte, s *Source) []byte {
	b = append(b, byte(s.Format), byte(s.Action))
	b = appendBool(b, s.ExactDomains)
	return appendBool(b, s.AllowWide)
}

// end marks the end of a source that had n bytes.
func (f *fingerprint) end(n int64) {
	f.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

// fingerprintOf reads the sources for their fingerprint. It calls pause now and
// then unless that is nil.
func fingerprintOf(ctx context.Context, sources []Source, pause func()) ([]byte, error) {
	fp := newFingerprint(sources)
	for i := range sources {
		file, err := sources[i].open()
		if err != nil {
			return nil, err
		}
		n, err := io.Copy(fp, &input{ctx: ctx, src: file, pause: pause})
		if cerr := file.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return nil, err
		}
		fp.end(n)
	}
	return fp.sum(nil), nil
}
