package wgquick

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// hidden is what every implicit way of turning a Key into text gives.
const hidden = "(key)"

// Key is a Curve25519 key or a preshared key: 32 bytes. The zero Key means "none".
//
// A Key does not reveal itself by accident: all verbs of fmt, encoding/json, log/slog and
// whatever else uses [encoding.TextMarshaler] print a fixed word in its place. [Key.Base64]
// and [Key.Hex] are the two ways to the real text.
type Key [32]byte

// errKey does not say what the text was, because it may be most of a private key.
var errKey = errors.New("must be 32 bytes in base64: 44 characters, the last one \"=\"; the value is not shown, as it may be a secret")

// ParseKey parses the base64 text of a key. Its error does not contain the text.
func ParseKey(text string) (Key, error) {
	var k Key
	var buf [33]byte // what 44 characters without padding would decode to
	if len(text) != base64.StdEncoding.EncodedLen(len(k)) {
		return Key{}, errKey
	}
	n, err := base64.StdEncoding.Strict().Decode(buf[:], []byte(text))
	if err != nil || n != len(k) {
		return Key{}, errKey
	}
	copy(k[:], buf[:])
	return k, nil
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k == Key{} }

// Base64 returns the key itself, as wg(8) writes it.
func (k Key) Base64() string { return base64.StdEncoding.EncodeToString(k[:]) }

// Hex returns the key itself, as the UAPI protocol wants it.
func (k Key) Hex() string { return hex.EncodeToString(k[:]) }

// Public returns the public key that belongs to the private key k. It is the zero Key
// where k is the zero Key.
func (k Key) Public() Key {
	if k.IsZero() {
		return Key{}
	}
	// X25519 clamps the scalar itself (RFC 7748 section 5), and 32 bytes are always a key.
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		return Key{}
	}
	return Key(private.PublicKey().Bytes())
}

// String returns a fixed word, never the key.
func (k Key) String() string { return hidden }

// GoString returns a fixed word, never the key.
func (k Key) GoString() string { return hidden }

// Format writes a fixed word for every verb, never the key.
func (k Key) Format(s fmt.State, verb rune) { io.WriteString(s, hidden) }

// MarshalText returns a fixed word, never the key, and no error.
func (k Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }
