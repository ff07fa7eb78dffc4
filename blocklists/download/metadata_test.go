package download

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
)

func goodMetadata() metadata {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return metadata{
		List: "ads", URL: "https://example.com/", ETag: `W/"a"`, LastModified: "Fri, 02 Jan 2026 03:04:05 GMT",
		Changed: at, Checked: at.Add(time.Hour), Rules: 3, Bytes: 40, SHA256: strings.Repeat("0f", digestLen/2),
	}
}

func TestMetadata(t *testing.T) {
	encode := func(m metadata) string {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	good := goodMetadata()
	if m, err := parseMetadata([]byte(encode(good))); err != nil || m != good {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, spoil := range map[string]func(*metadata){
		"no list":                func(m *metadata) { m.List = "" },
		"no URL":                 func(m *metadata) { m.URL = "" },
		"no rules":               func(m *metadata) { m.Rules = 0 },
		"fewer rules than none":  func(m *metadata) { m.Rules = -1 },
		"no bytes":               func(m *metadata) { m.Bytes = 0 },
		"no digest":              func(m *metadata) { m.SHA256 = "" },
		"short digest":           func(m *metadata) { m.SHA256 = m.SHA256[2:] },
		"digest in capitals":     func(m *metadata) { m.SHA256 = strings.ToUpper(m.SHA256) },
		"digest not hexadecimal": func(m *metadata) { m.SHA256 = strings.Repeat("x", digestLen) },
		"line in the ETag":       func(m *metadata) { m.ETag = "\"a\"\r\nCookie: a" },
		"long ETag":              func(m *metadata) { m.ETag = strings.Repeat("a", maxValidator+1) },
		"date that is none":      func(m *metadata) { m.LastModified = "yesterday" },
	} {
		m := good
		spoil(&m)
		if m, err := parseMetadata([]byte(encode(m))); err == nil || m != (metadata{}) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, text := range []string{"", "null", "{}", "[]", "1", encode(good) + "x", encode(good)[1:], strings.Replace(encode(good), "2026", "20260", 1),
		strings.Replace(encode(good), `"rules":3`, `"rules":3e99`, 1)} {
		if m, err := parseMetadata([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, m)
		}
	}
}

// FuzzMetadata reads arbitrary bytes: nothing panics, and what is taken can be
// written again and sent in a request.
func FuzzMetadata(f *testing.F) {
	b, err := json.MarshalIndent(goodMetadata(), "", "\t")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for _, seed := range []string{"", "/", "{}", "\xEF\xBB\xBF{}", "\x00", "xn--", "\xFF\xFE{\x00}\x00", "{\r\n}\r\n", strings.Replace(string(b), "ads", "\xff", 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMetadata(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseMetadata(out); err != nil || !again.equal(m) {
			t.Fatalf("%+v, then %+v, %v", m, again, err)
		}
		if !httpguts.ValidHeaderFieldValue(m.ETag) || !httpguts.ValidHeaderFieldValue(m.LastModified) {
			t.Fatalf("%q, %q", m.ETag, m.LastModified)
		}
	})
}

func (m metadata) equal(n metadata) bool {
	same := m.Changed.Equal(n.Changed) && m.Checked.Equal(n.Checked)
	m.Changed, m.Checked = n.Changed, n.Checked
	return same && m == n
}
