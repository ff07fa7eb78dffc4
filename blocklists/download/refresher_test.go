package download

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// publishLocally starts a publisher on a loopback address.
func publishLocally(t *testing.T, h http.HandlerFunc) *publisher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, l.Addr().String())
	}, 2, h)
}

func TestNewRefuses(t *testing.T) {
	for want, l := range map[string][]List{
		"without a name":          {{URL: ads.URL}},
		"names must differ":       {ads, ads},
		"must be https://":        {{Name: "ads", URL: "http://example.com/"}},
		"https://host/…":          {{Name: "ads", URL: "https:/ads.txt"}},
		`list "b": the URL must`:  {ads, {Name: "b", URL: "ads.txt"}},
		"host/":                   {{Name: "ads", URL: "https://:443/"}},
		"must be":                 {{Name: "ads"}},
		"cannot be read":          {{Name: "ads", URL: "https://user:secret@[::1/"}},
		"UTF-8":                   {{Name: "ads\xff", URL: ads.URL}},
		"is not UTF-8":            {{Name: "ads", URL: ads.URL + "?\xff"}},
		"9m59s, want 10m0s to":    {{Name: "ads", URL: ads.URL, Interval: 10*time.Minute - time.Second}},
		"interval is -1ns":        {{Name: "ads", URL: ads.URL, Interval: -1}},
		"interval is 2562047h47m": {{Name: "ads", URL: ads.URL, Interval: 1<<63 - 1}},
	} {
		o := Options{Folder: t.TempDir(), Lists: l, Inspect: inspect, DialContext: new(net.Dialer).DialContext}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no folder":            func(o *Options) { o.Folder = "" },
		"a file as the folder": func(o *Options) { o.Folder = file },
		"no dialer":            func(o *Options) { o.DialContext = nil },
		"nobody who inspects":  func(o *Options) { o.Inspect = nil },
	} {
		o := Options{Folder: t.TempDir(), Inspect: inspect, DialContext: new(net.Dialer).DialContext}
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSockets goes over real connections: a first start, a restart, and trouble.
func TestSockets(t *testing.T) {
	p := publishLocally(t, text(rules(10), `"a"`))
	leaks := goleak.IgnoreCurrent() // the server's own
	o := p.options(t)
	changed := make(chan struct{}, 10)
	o.Changed = func() { changed <- struct{}{} }
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	<-changed
	has(t, r, rules(10))
	p.set(text(rules(20), `"b"`))
	refresh(t, r)
	<-changed
	r.Close()
	if r, err = New(o); err != nil {
		t.Fatal(err)
	}
	has(t, r, rules(20))
	r.Start()
	refresh(t, r) // 304
	p.set(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(rules(10)))
	})
	refused(t, r, Network)
	r.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("unreachable") }
	refused(t, r, Network)
	has(t, r, rules(20))
	r.Close()
	tidy(t, o.Folder, 2)
	goleak.VerifyNone(t, leaks)
}

// TestTwoProcesses has several Refreshers write to one folder while others read
// it: every copy that can be seen is one that the server sent.
func TestTwoProcesses(t *testing.T) {
	var n atomic.Int64
	p := publishLocally(t, func(w http.ResponseWriter, r *http.Request) {
		i := n.Add(1)
		text(strings.Repeat(fmt.Sprintf("n%d.example\n", i), 1000), fmt.Sprintf(`"%d"`, i))(w, r)
	})
	o := p.options(t)
	check := func(r *Refresher) {
		path := r.Path("ads")
		if path == "" {
			return
		}
		b, err := os.ReadFile(path)
		first, _, _ := strings.Cut(string(b), "\n")
		if err != nil || first == "" || string(b) != strings.Repeat(first+"\n", 1000) {
			t.Errorf("a damaged copy: %.50q, %v", b, err)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		r := open(t, o)
		for range 2 {
			wg.Go(func() {
				for range 10 {
					if err := r.Refresh(t.Context(), "ads"); err != nil {
						t.Error(err)
					}
					check(r)
				}
			})
		}
	}
	wg.Go(func() {
		for range 20 {
			r, err := New(o)
			if err != nil {
				t.Error(err)
				return
			}
			check(r)
			r.Close()
		}
	})
	wg.Wait()
	r := open(t, o)
	refresh(t, r)
	check(r)
	tidy(t, o.Folder, 2)
}
