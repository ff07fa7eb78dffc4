package upstream

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestGet (RFC 8484 section 4.1.1): the query is in the URL, without padding
// characters and beside what the URL has already, and nowhere else.
func TestGet(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	for _, s := range []*upstreamtest.Server{upstreamtest.NewHTTPS(t, ca, testAnswer), upstreamtest.NewHTTP3(t, ca, testAnswer)} {
		requests := make(chan *http.Request, 2)
		s.Wrap(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); len(body) > 0 {
					t.Errorf("body %x", body)
				}
				requests <- r.Clone(context.Background())
				h.ServeHTTP(w, r)
			})
		})
		for _, suffix := range []string{"", "?key=1"} {
			tr := transport(t, Server{URL: s.URL() + suffix, Addresses: []netip.Addr{s.Addr().Addr()}, Method: "get"}, ca)
			exchange(t, tr)
			exchange(t, tr)
			query := pad(testQuery())
			dnswire.SetID(query, 0)
			want := base64.RawURLEncoding.EncodeToString(query)
			for range 2 {
				r := <-requests
				if r.Method != "GET" || r.URL.Query().Get("dns") != want || strings.Contains(r.URL.RawQuery, "=") && strings.HasSuffix(r.URL.RawQuery, "=") ||
					suffix != "" && r.URL.Query().Get("key") != "1" || r.Header.Get("Content-Type") != "" || r.Header.Get("Accept") != dnsMessage {
					t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
				}
			}
			if n := len(requests); n != 0 {
				t.Errorf("%d requests more than queries", n)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	for _, tt := range []struct {
		url, method string
		ok          bool
	}{
		{"https://192.0.2.1/q", "", true},
		{"https://192.0.2.1/q", "post", true},
		{"h3://192.0.2.1/q", "get", true},
		{"https://192.0.2.1/q", "GET", false},
		{"https://192.0.2.1/q", "put", false},
		{"tls://192.0.2.1", "post", false},
	} {
		tr, err := NewTransport(Server{URL: tt.url, Method: tt.method}, nil)
		if (err == nil) != tt.ok {
			t.Errorf("%s by %q: %v", tt.url, tt.method, err)
		}
		if err == nil {
			tr.Close()
		}
	}
}

// FuzzDoHReply: whatever a server sends as a body comes out as a checked reply
// or an error.
func FuzzDoHReply(f *testing.F) {
	f.Add(answer(testQuery()), "100")
	f.Add(nxdomain(testQuery()), "")
	f.Add(answer(testQuery())[:40], "99999999999")
	f.Fuzz(func(t *testing.T, body []byte, age string) {
		d := newDoH(&target{url: &url.URL{Scheme: "https", Host: "192.0.2.1", Path: "/q"}})
		reply, err := d.ask(t.Context(), roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK,
				Header:     http.Header{"Content-Type": {dnsMessage}, "Age": {age}},
				Body:       io.NopCloser(bytes.NewReader(body)),
			}, nil
		}), testQuery())
		if err != nil {
			if len(body) <= dnswire.MaxMessage {
				t.Errorf("%v", err)
			}
			return
		}
		if reply, err := finish(reply, testQuery()); err == nil && CheckReply(reply, testQuery()) != nil {
			t.Errorf("%x gives %x", body, reply)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
