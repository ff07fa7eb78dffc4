package download

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const (
	// maxMetadata bounds the memory for a damaged file, in bytes. What is written
	// has a URL, two header fields and some numbers.
	maxMetadata = 64 << 10

	// maxValidator bounds an ETag or a Last-Modified, in bytes. Those of servers
	// in use have less than 100, and they are sent back with every request.
	maxValidator = 512
)

var errMetadata = errors.New("not what was written of a list's copy")

// metadata is what is known of a copy.
type metadata struct {
	List         string    `json:"list"`
	URL          string    `json:"url"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"` // as the server wrote it
	Changed      time.Time `json:"changed"`                 // when this text came
	Checked      time.Time `json:"checked"`                 // when the server last gave or confirmed it
	Rules        int       `json:"rules"`
	Bytes        int64     `json:"bytes"`
	SHA256       string    `json:"sha256"` // of the text, in lower-case hexadecimal
}

// parseMetadata reads what json.Marshal wrote. Whatever a header could not carry
// or a copy could not have is an error.
func parseMetadata(b []byte) (metadata, error) {
	var m metadata
	if err := json.Unmarshal(b, &m); err != nil {
		return metadata{}, err
	}
	sum, err := hex.DecodeString(m.SHA256)
	switch {
	case err != nil, hex.EncodeToString(sum) != m.SHA256, len(m.SHA256) != digestLen,
		m.ETag != etag(m.ETag), m.LastModified != lastModified(m.LastModified),
		m.List == "", m.URL == "", m.Rules <= 0, m.Bytes <= 0:
		return metadata{}, errMetadata
	}
	return m, nil
}

// etag returns the value of an ETag field if it can be sent back, else "".
func etag(value string) string {
	if len(value) > maxValidator {
		return ""
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' { // obs-text (RFC 9110 section 5.5) would not survive JSON
			return ""
		}
	}
	return value
}

// lastModified returns the value of a Last-Modified field if it is a date, else
// "". The text itself is sent back (RFC 9110 section 13.1.3).
func lastModified(value string) string {
	if _, err := http.ParseTime(value); err != nil {
		return ""
	}
	return etag(value)
}

// source is what the copy is of.
func (m *metadata) source() *List { return &List{Name: m.List, URL: m.URL} }

// conditional says whether the server can be asked for changes only.
func (m *metadata) conditional() bool { return m != nil && (m.ETag != "" || m.LastModified != "") }
