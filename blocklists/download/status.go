package download

import (
	"net/url"
	"time"
)

// Status is the state of a list.
type Status struct {
	List string
	URL  string // without password
	Path string // of the copy, "" when there is none

	// Former is where the copy is from, without password, when that is another URL
	// which the list had before, else "". So it is until the first good copy has come
	// from URL.
	Former string

	// What is known of the copy. A copy that was found without its metadata has
	// neither validators nor times.
	Bytes        int64
	Rules        int
	ETag         string
	LastModified string
	Changed      time.Time // when its text came
	Checked      time.Time // when the server last gave or confirmed it

	Fetching bool
	Next     time.Time // when it will be fetched next, if Start was called
	Failures int       // since the last success of this Refresher
	Err      *Error    // of the last fetch, nil if it succeeded
}

// Status returns the state of every list, in the order of Options.
func (r *Refresher) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Status
	for _, e := range r.entries {
		s := Status{List: e.list.Name, Fetching: e.call != nil, Next: e.due, Failures: e.failures, Err: e.err}
		s.URL = redacted(e.list.URL)
		if m := e.serving(); m != nil {
			if m.URL != e.list.URL {
				s.Former = redacted(m.URL)
			}
			s.Path, s.Bytes, s.Rules = r.store.path(m.source()), m.Bytes, m.Rules
			s.ETag, s.LastModified, s.Changed, s.Checked = m.ETag, m.LastModified, m.Changed, m.Checked
		}
		out = append(out, s)
	}
	return out
}

// redacted returns a URL without its password, "" for what is no URL.
func redacted(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
