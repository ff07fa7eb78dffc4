package download

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequest(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, nil)
		var addrs []string
		dial := p.dial
		p.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			addrs = append(addrs, network+" "+addr)
			return dial(ctx, network, addr)
		}
		p.set(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "id=1")
			if n := len(r.URL.Path); n <= maxRedirects {
				http.Redirect(w, r, "https://www.example.com"+r.URL.Path+"x", http.StatusFound)
				return
			}
			io.WriteString(w, rules(3))
		})
		r := open(t, p.options(t, List{Name: "ads", URL: "https://user:secret@example.com/?token=secret"}))
		refresh(t, r)
		has(t, r, rules(3))
		got := p.seen()
		if len(got) != maxRedirects+1 {
			t.Fatalf("%d requests", len(got))
		}
		if user, password, ok := got[0].BasicAuth(); !ok || user != "user" || password != "secret" {
			t.Error("the URL's password was not used")
		}
		for i, req := range got {
			if req.Method != "GET" || req.UserAgent() != "tundns" || req.Header.Get("Accept-Encoding") != "gzip" || req.TLS.ServerName != req.Host {
				t.Errorf("%d: %+v", i, req)
			}
			for _, name := range []string{"Cookie", "Referer", "If-None-Match", "If-Modified-Since", "Range"} {
				if v := req.Header.Values(name); v != nil {
					t.Errorf("%d: %s: %q", i, name, v)
				}
			}
		}
		if !slices.Equal(addrs, []string{"tcp example.com:443", "tcp www.example.com:443"}) {
			t.Errorf("dialed %q", addrs)
		}
		if s := r.Status()[0].URL; strings.Contains(s, ":secret") {
			t.Errorf("status shows the password: %s", s)
		}
	})
}

// TestSecrets looks for the token of a URL in what is logged.
func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, status(500))
		o, j := p.options(t, List{Name: "ads", URL: "https://user:secret@example.com/secret?secret"}), new(journal)
		o.Log = j.log(-100)
		r := open(t, o)
		refused(t, r, HTTPStatus)
		p.set(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://[")
			w.WriteHeader(302)
		})
		refused(t, r, Network)
		p.dial = nil
		r.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }
		refused(t, r, Network)
		lines, _ := j.take()
		if all := strings.Join(lines, ""); strings.Contains(all, "secret") || !strings.Contains(all, "no route") {
			t.Errorf("logged %s", all)
		}
	})
}

func TestConditional(t *testing.T) {
	const day = "Sat, 01 Jan 2000 00:00:00 GMT"
	tests := []struct {
		name, tag, modified  string
		wantTag, wantModfied string
	}{
		{"ETag", `"a"`, "", `"a"`, ""},
		{"weak ETag", `W/"a"`, "", `W/"a"`, ""},
		{"Last-Modified", "", day, "", day},
		{"both", `"a"`, day, `"a"`, day},
		{"as the server writes it", "", "Saturday, 01-Jan-00 00:00:00 GMT", "", "Saturday, 01-Jan-00 00:00:00 GMT"},
		{"no date", "", "yesterday", "", ""},
		{"date without end", "", "Sat, 01 Jan 2000 00:00:00." + strings.Repeat("0", maxValidator) + " GMT", "", ""},
		{"ETag without end", `"` + strings.Repeat("a", maxValidator), "", "", ""},
		{"ETag in UTF-8", `"ä"`, "", "", ""},
		{"none", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, func(w http.ResponseWriter, r *http.Request) {
					if tt.tag != "" {
						w.Header().Set("ETag", tt.tag)
					}
					if tt.modified != "" {
						w.Header().Set("Last-Modified", tt.modified)
					}
					if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
						w.WriteHeader(http.StatusNotModified)
						return
					}
					io.WriteString(w, rules(3))
				})
				o := p.options(t)
				refresh(t, open(t, o))
				p.seen()
				first := time.Now()
				for range 2 { // the restart, and a restart after a 304
					time.Sleep(time.Hour)
					r := open(t, o)
					refresh(t, r)
					has(t, r, rules(3))
					req := p.last(t)
					if got := req.Header.Get("If-None-Match"); got != tt.wantTag {
						t.Errorf("If-None-Match: %q, want %q", got, tt.wantTag)
					}
					if got := req.Header.Get("If-Modified-Since"); got != tt.wantModfied {
						t.Errorf("If-Modified-Since: %q, want %q", got, tt.wantModfied)
					}
					s := open(t, o).Status()[0] // from the disk
					if !s.Changed.Equal(first) || !s.Checked.Equal(time.Now()) || s.ETag != tt.wantTag || s.LastModified != tt.wantModfied ||
						s.Rules != 3 || s.Bytes != int64(len(rules(3))) {
						t.Errorf("%+v", s)
					}
				}
			})
		})
	}
}

// TestShrinking goes through the bound, and how an operator accepts less.
func TestShrinking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), ""))
		o, j := p.options(t), new(journal)
		o.Log = j.log(0)
		r := open(t, o)
		refresh(t, r)
		p.set(text(rules(6), "")) // 60 %
		refresh(t, r)
		has(t, r, rules(6))
		p.set(text(rules(3), `"small"`))
		j.take()
		p.seen()
		for range 3 {
			refused(t, r, Shrunk)
			if got := p.last(t).Header.Get("If-None-Match"); got != "" {
				t.Errorf("asked for changes of what was refused: %s", got)
			}
		}
		if lines, _ := j.take(); len(lines) != 3 || !strings.Contains(lines[2], "remove "+r.Path("ads")+" and") {
			t.Errorf("logged %q", lines)
		}
		if err := os.Remove(r.Path("ads")); err != nil {
			t.Fatal(err)
		}
		if got := r.Path("ads"); got != "" {
			t.Errorf("the removed copy is to be loaded: %s", got)
		}
		refresh(t, r)
		has(t, r, rules(3))
	})
}

// TestRecount has the copy counted by a build that finds more rules in it.
func TestRecount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(10), ""))
		o := p.options(t)
		o.Inspect = func(list string, r io.Reader) (int, error) {
			n, err := inspect(list, r)
			return 2 * n, err
		}
		refresh(t, open(t, o))
		o.Inspect = inspect
		r := open(t, o)
		if n := r.Status()[0].Rules; n != 20 {
			t.Fatalf("%d rules", n)
		}
		p.set(text(rules(9), ""))
		refresh(t, r)
		has(t, r, rules(9))
	})
}

func TestInspectPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(1000), ""))
		o := p.options(t)
		o.Inspect = func(_ string, r io.Reader) (int, error) {
			_, err := io.CopyN(io.Discard, r, 10)
			return 1, err
		}
		r := open(t, o)
		refresh(t, r)
		has(t, r, rules(1000))
		if again := open(t, o); again.Status()[0].Checked.IsZero() {
			t.Error("the checksum is not that of the whole")
		}
	})
}
