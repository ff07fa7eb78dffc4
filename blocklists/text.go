package blocklists

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLine bounds the memory for one line, in bytes. The longest lines of lists
// in use are cosmetic rules of some 10 KiB.
const maxLine = 64 << 10

// lines reads a text line by line.
type lines struct {
	src  *bufio.Reader
	head [printLimit]byte // start of a long line
	n    int              // lines read
}

// newLines reads text in UTF-8 or UTF-16, with a byte order mark or without. It
// fails on content that is no list: web pages, archives, binary data.
func newLines(r io.Reader) (*lines, error) {
	src := bufio.NewReaderSize(r, maxLine)
	sample, err := src.Peek(sniffLen)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.HasPrefix(sample, []byte{0xFF, 0xFE, 0, 0}) || bytes.HasPrefix(sample, []byte{0, 0, 0xFE, 0xFF}) {
		return nil, errors.New("is in UTF-32: convert it to UTF-8")
	}
	if order := utf16Order(sample); order != nil {
		src = bufio.NewReaderSize(&utf16Reader{src: src, order: order}, maxLine)
		if sample, err = src.Peek(sniffLen); err != nil && err != io.EOF {
			return nil, err
		}
	}
	if err := foreign(sample); err != nil {
		return nil, err
	}
	return &lines{src: src}, nil
}

// next returns the next line without its end. The text is good until the call
// after. long is true for lines of more than maxLine bytes, of which the text is
// only the start. At the end of the text the error is io.EOF.
func (l *lines) next() (text []byte, long bool, err error) {
	text, err = l.src.ReadSlice('\n')
	if err == io.EOF && len(text) > 0 {
		err = nil // the last line has no end
	}
	if err == nil {
		l.n++
		return bytes.TrimSuffix(text, []byte("\n")), false, nil
	}
	if err != bufio.ErrBufferFull {
		return nil, false, err
	}
	head := l.head[:copy(l.head[:], text)]
	for err == bufio.ErrBufferFull {
		_, err = l.src.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	l.n++
	return head, true, nil
}

// sniffLen is how much of a file is looked at before it is taken for a list.
const sniffLen = 4 << 10

// ErrHTML says that a source is a page for browsers, as servers send in place of
// a list that is gone.
var ErrHTML = errors.New("looks like HTML or XML, not like a list")

// foreign says what the start of a file is if not a list.
func foreign(sample []byte) error {
	for _, m := range [...]struct{ magic, what string }{
		{"\x1F\x8B", "gzip"}, {"PK\x03\x04", "zip"}, {"\xFD7zXZ\x00", "xz"}, {"\x28\xB5\x2F\xFD", "zstd"}, {"BZh", "bzip2"},
	} {
		if bytes.HasPrefix(sample, []byte(m.magic)) {
			return errors.New("is compressed (" + m.what + "): unpack it first")
		}
	}
	switch text := trim(sample); {
	case bytes.HasPrefix(text, []byte("<")):
		return ErrHTML
	case bytes.HasPrefix(text, []byte("{")):
		return errors.New("looks like JSON, not like a list")
	}
	// One byte in nine of random data is a control character; lists have a stray
	// one at most.
	control := 0
	for _, c := range sample {
		if c < ' ' && !(c >= '\t' && c <= '\r') {
			control++
		}
	}
	if control >= 8 && control > len(sample)/50 {
		return errors.New("looks like binary data")
	}
	return nil
}

// utf16Order returns the byte order of a text that is in UTF-16, nil for others.
// Without a mark it is told by the zeros that every second byte of ASCII text
// is then: most of them, and hardly one in between.
func utf16Order(sample []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(sample, []byte{0xFF, 0xFE}):
		return binary.LittleEndian
	case bytes.HasPrefix(sample, []byte{0xFE, 0xFF}):
		return binary.BigEndian
	}
	var zeros [2]int
	for i, c := range sample {
		if c == 0 {
			zeros[i&1]++
		}
	}
	switch most, few := len(sample)/4, len(sample)/100; {
	case zeros[1] > most && zeros[0] <= few:
		return binary.LittleEndian
	case zeros[0] > most && zeros[1] <= few:
		return binary.BigEndian
	}
	return nil
}

// utf16Reader reads UTF-16 as UTF-8, the byte order mark included. Surrogates
// without a partner become U+FFFD.
type utf16Reader struct {
	src   *bufio.Reader
	order binary.ByteOrder
	rest  []byte // of the last rune, not yet read
	buf   [utf8.UTFMax]byte
}

// Read is for io.Reader: it gives UTF-8.
func (u *utf16Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(u.rest) == 0 {
			r, err := u.rune()
			if err != nil {
				if n > 0 && err == io.EOF {
					return n, nil
				}
				return n, err
			}
			u.rest = utf8.AppendRune(u.buf[:0], r)
		}
		c := copy(p[n:], u.rest)
		n, u.rest = n+c, u.rest[c:]
		if u.src.Buffered() == 0 && len(u.rest) == 0 {
			break // do not wait for a full p
		}
	}
	return n, nil
}

// rune reads one code point. An odd byte at the end is dropped.
func (u *utf16Reader) rune() (rune, error) {
	unit, err := u.src.Peek(2)
	if len(unit) < 2 {
		if err == io.EOF {
			u.src.Discard(len(unit))
		}
		return 0, err
	}
	r := rune(u.order.Uint16(unit))
	u.src.Discard(2)
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	low, _ := u.src.Peek(2)
	if len(low) < 2 {
		return utf8.RuneError, nil
	}
	pair := utf16.DecodeRune(r, rune(u.order.Uint16(low)))
	if pair != utf8.RuneError {
		u.src.Discard(2)
	}
	return pair, nil
}
