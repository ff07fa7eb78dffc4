package download

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	digestLen = 2 * sha256.Size // of a SHA-256 in hexadecimal

	// hashLen is how much of the SHA-256 of name and URL is in a file's name: 64
	// bits, in hexadecimal.
	hashLen = 16

	// maxLabel bounds the part of a list's name that its files' names have, in
	// bytes: enough to know it by, and short of any file system's limit.
	maxLabel = 64

	copySuffix     = ".list"
	metadataSuffix = ".json"
)

// store is the folder of the copies.
type store struct {
	folder  string
	inspect func(list string, r io.Reader) (rules int, err error)
}

// stem is the name, without suffix, of the files of a list. The hash keeps apart
// lists whose names differ only in case or in what a file's name cannot have.
func stem(list, url string) string {
	label := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			return c
		}
		return '_' // the dot too: con.x is a device to Windows
	}, list)
	sum := sha256.Sum256([]byte(list + "\x00" + url))
	return label[:min(len(label), maxLabel)] + "-" + hex.EncodeToString(sum[:])[:hashLen]
}

// path is where the copy of a list is, or will be.
func (s *store) path(l *List) string {
	return filepath.Join(s.folder, stem(l.Name, l.URL)+copySuffix)
}

func (s *store) metadataPath(l *List) string {
	return filepath.Join(s.folder, stem(l.Name, l.URL)+metadataSuffix)
}

// load returns what is known of the copy of a list, nil when there is none. Of a
// copy without metadata of its own that is what can be seen in it: there is
// nothing then to ask for changes with, and it has never been checked. A copy
// that is no list is an error.
func (s *store) load(l *List) (*metadata, error) {
	path := s.path(l)
	digest, size, err := hashFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := readMetadata(s.metadataPath(l))
	if err == nil && m.List == l.Name && m.URL == l.URL && m.SHA256 == digest && m.Bytes == size {
		return &m, nil
	}
	rules, err := s.count(l)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case rules == 0:
		return nil, fmt.Errorf("%s: no rule in it", path)
	}
	return &metadata{List: l.Name, URL: l.URL, Rules: rules, Bytes: size, SHA256: digest}, nil
}

// count counts the rules of the copy.
func (s *store) count(l *List) (int, error) {
	f, err := os.Open(s.path(l))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return s.inspect(l.Name, f)
}

// put replaces the copy and its metadata. The metadata comes first, so that no
// copy is ever without a file that says whose it is.
func (s *store) put(l *List, m metadata, text draft) error {
	if err := s.putMetadata(l, m); err != nil {
		text.discard()
		return err
	}
	return text.replace(s.path(l))
}

func (s *store) putMetadata(l *List, m metadata) error {
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	d, err := newDraft(s.folder)
	if err != nil {
		return err
	}
	if _, err := d.Write(append(b, '\n')); err != nil {
		d.discard()
		return err
	}
	return d.replace(s.metadataPath(l))
}

func readMetadata(path string) (metadata, error) {
	f, err := openFile(path)
	if err != nil {
		return metadata{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	switch {
	case err != nil:
		return metadata{}, err
	case len(b) > maxMetadata:
		return metadata{}, errMetadata
	}
	return parseMetadata(b)
}

func hashFile(path string) (digest string, size int64, err error) {
	f, err := openFile(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), size, err
}

// openFile opens a file, and nothing else: opening a pipe would wait.
func openFile(path string) (*os.File, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return os.Open(path)
}
