package dnswire

import (
	"fmt"
	"strings"
)

// Name is a domain name in uncompressed wire form, the root label included,
// with ASCII letters in lower case (the canonical form of RFC 4034 section
// 6.2). Two names are equal exactly when the strings are. The zero value is
// not a name; Root is the root.
type Name string

// Root is the name of the root zone.
const Root Name = "\x00"

// ParseName turns presentation form ("www.example.com", trailing dot optional,
// escapes \. and \DDD as in RFC 1035 section 5.1) into a Name. Letters are
// folded to lower case. It does no IDNA conversion: bytes above 127 are kept.
func ParseName(s string) (Name, error) {
	if s == "." {
		return Root, nil
	}
	var b [MaxName]byte
	n, label := 1, 0 // b[label] is the length byte of the label being read
	end := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			if n-label == 1 {
				return "", fmt.Errorf("name %q has an empty label", s)
			}
			b[label] = byte(n - label - 1)
			label = n
			n++
			end = i == len(s)-1
			if n > MaxName {
				return "", fmt.Errorf("name %q is longer than %d bytes", s, MaxName)
			}
			continue
		}
		if c == '\\' {
			var err error
			if c, i, err = unescape(s, i); err != nil {
				return "", err
			}
		}
		if n >= MaxName {
			return "", fmt.Errorf("name %q is longer than %d bytes", s, MaxName)
		}
		if n-label > MaxLabel {
			return "", fmt.Errorf("name %q has a label of more than %d bytes", s, MaxLabel)
		}
		b[n] = lower(c)
		n++
	}
	if end {
		b[label] = 0
		return Name(b[:n]), nil
	}
	if n-label == 1 {
		return "", fmt.Errorf("name %q is empty", s)
	}
	if n >= MaxName {
		return "", fmt.Errorf("name %q is longer than %d bytes", s, MaxName)
	}
	b[label] = byte(n - label - 1)
	b[n] = 0
	return Name(b[:n+1]), nil
}

// MustName is ParseName for names known to be good; it panics on others.
func MustName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

func unescape(s string, i int) (c byte, last int, err error) {
	if i+1 >= len(s) {
		return 0, 0, fmt.Errorf("name %q ends in a backslash", s)
	}
	if d := s[i+1]; d < '0' || d > '9' {
		return d, i + 1, nil
	}
	if i+3 >= len(s) {
		return 0, 0, fmt.Errorf("name %q has a cut \\DDD escape", s)
	}
	v := 0
	for _, d := range []byte(s[i+1 : i+4]) {
		if d < '0' || d > '9' {
			return 0, 0, fmt.Errorf("name %q has a malformed \\DDD escape", s)
		}
		v = v*10 + int(d-'0')
	}
	if v > 255 {
		return 0, 0, fmt.Errorf("name %q has an escape above \\255", s)
	}
	return byte(v), i + 3, nil
}

// String returns presentation form with a trailing dot; special characters are
// escaped so that ParseName gives the same Name back.
func (n Name) String() string {
	if n == Root || n == "" {
		return "."
	}
	var b strings.Builder
	b.Grow(len(n))
	for i := 0; i < len(n) && n[i] != 0; {
		l := int(n[i])
		for _, c := range []byte(n[i+1 : min(i+1+l, len(n))]) {
			switch {
			case c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' || c == '$':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c <= ' ' || c > '~':
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('.')
		i += 1 + l
	}
	return b.String()
}

// Text is String without the trailing dot, as people write host names; the
// root stays ".".
func (n Name) Text() string {
	if n == Root || n == "" {
		return "."
	}
	return strings.TrimSuffix(n.String(), ".")
}

// Parent returns the name without its first label. The root has no parent.
func (n Name) Parent() (Name, bool) {
	if len(n) <= 1 {
		return "", false
	}
	return n[1+int(n[0]):], true
}

// Labels returns the number of labels, the root not counted.
func (n Name) Labels() int {
	count := 0
	for i := 0; i < len(n) && n[i] != 0; i += 1 + int(n[i]) {
		count++
	}
	return count
}

// In reports whether n is zone or below it.
func (n Name) In(zone Name) bool {
	for {
		if len(n) <= len(zone) {
			return n == zone
		}
		n = n[1+int(n[0]):]
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// ReadName reads the possibly compressed name at off. next is the offset of the
// first byte after it. Pointers must point backwards, which makes loops
// impossible (RFC 1035 section 4.1.4: "a prior occurrence").
func ReadName(msg []byte, off int) (name Name, next int, err error) {
	var b [MaxName]byte
	n, next, err := readName(b[:], msg, off)
	if err != nil {
		return "", 0, err
	}
	return Name(b[:n]), next, nil
}

// readName writes the lower-cased name into b, which has room for MaxName.
func readName(b, msg []byte, off int) (n, next int, err error) {
	next = -1
	limit := off // where a pointer may point: below this
	for {
		if off < 0 || off >= len(msg) {
			return 0, 0, ErrShort
		}
		l := int(msg[off])
		switch l & 0xC0 {
		case 0x00:
			if off+1+l > len(msg) {
				return 0, 0, ErrShort
			}
			if n+1+l > MaxName || (l != 0 && n+1+l >= MaxName) {
				return 0, 0, ErrName
			}
			b[n] = byte(l)
			for i := 1; i <= l; i++ {
				b[n+i] = lower(msg[off+i])
			}
			n += 1 + l
			off += 1 + l
			if l == 0 {
				if next < 0 {
					next = off
				}
				return n, next, nil
			}
		case 0xC0:
			if off+2 > len(msg) {
				return 0, 0, ErrShort
			}
			to := (l&0x3F)<<8 | int(msg[off+1])
			if to >= limit || to < HeaderLen {
				return 0, 0, ErrPointer
			}
			if next < 0 {
				next = off + 2
			}
			off, limit = to, to
		default: // 01 and 10 are reserved (RFC 6891 section 5)
			return 0, 0, ErrName
		}
	}
}

// SkipName returns the offset after the name at off without reading what a
// pointer points to.
func SkipName(msg []byte, off int) (int, error) {
	start := off
	for {
		if off < 0 || off >= len(msg) {
			return 0, ErrShort
		}
		l := int(msg[off])
		switch l & 0xC0 {
		case 0x00:
			off += 1 + l
			if l == 0 {
				if off-start > MaxName {
					return 0, ErrName
				}
				return off, nil
			}
		case 0xC0:
			if off+2 > len(msg) {
				return 0, ErrShort
			}
			return off + 2, nil
		default:
			return 0, ErrName
		}
	}
}

// IsName reports whether the possibly compressed name at off is name, without
// regard to letter case. A malformed name equals nothing. It does not allocate.
func IsName(msg []byte, off int, name Name) bool {
	var b [MaxName]byte
	n, _, err := readName(b[:], msg, off)
	return err == nil && string(b[:n]) == string(name)
}
