package download

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipes is a network without sockets, whose waiting the clock of a synctest bubble
// does not take for work.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// publisher is a server of lists as https://example.com.
type publisher struct {
	roots *x509.CertPool
	dial  dialFunc

	mu       sync.Mutex
	handler  http.HandlerFunc
	requests []*http.Request
	at       []time.Time // of the requests
}

// publish starts a publisher in a bubble.
func publish(t testing.TB, h http.HandlerFunc) *publisher {
	t.Helper()
	return publishOver(t, 2, h)
}

// publishOver is publish with a major version of HTTP, 1 or 2.
func publishOver(t testing.TB, major int, h http.HandlerFunc) *publisher {
	t.Helper()
	net := newPipes()
	return serve(t, net, net.dial, major, h)
}

func serve(t testing.TB, l net.Listener, dial dialFunc, major int, h http.HandlerFunc) *publisher {
	t.Helper()
	p := &publisher{dial: dial, handler: h}
	s := httptest.NewUnstartedServer(p)
	s.Listener.Close()
	s.Listener = l
	s.EnableHTTP2 = major == 2
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	p.roots = x509.NewCertPool()
	p.roots.AddCert(s.Certificate())
	return p
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	h := p.handler
	p.requests = append(p.requests, r.Clone(context.Background()))
	p.at = append(p.at, time.Now())
	p.mu.Unlock()
	h(w, r)
}

// set changes what the server answers.
func (p *publisher) set(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

// seen returns the requests since the last call.
func (p *publisher) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.requests
	p.requests = nil
	return r
}

// last returns the only request since the last call.
func (p *publisher) last(t testing.TB) *http.Request {
	t.Helper()
	r := p.seen()
	if len(r) != 1 {
		t.Fatalf("%d requests, want 1", len(r))
	}
	return r[0]
}

// text serves a list, with an ETag if it is not empty.
func text(body, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
			if r.Header.Get("If-None-Match") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		io.WriteString(w, body)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// rules is a list of n rules.
func rules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d.example\n", i)
	}
	return b.String()
}

// inspect counts the lines that are no comments.
func inspect(_ string, r io.Reader) (int, error) {
	b, err := io.ReadAll(r)
	switch {
	case err != nil:
		return 0, fmt.Errorf("reading: %v", err) // hides what the reader said, as a parser may
	case bytes.HasPrefix(b, []byte("<")):
		return 0, fmt.Errorf("%w: starts with <", ErrHTML)
	case bytes.Contains(b, []byte{0}):
		return 0, fmt.Errorf("%w: has a NUL", ErrBinary)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			n++
		}
	}
	return n, nil
}

// ads is the list that most tests are about.
var ads = List{Name: "ads", URL: "https://example.com/ads.txt"}

// options are those for lists of p, ads if there are none, in a new folder.
func (p *publisher) options(t testing.TB, lists ...List) Options {
	if len(lists) == 0 {
		lists = []List{ads}
	}
	return Options{Folder: t.TempDir(), Lists: lists, DialContext: p.dial, RootCAs: p.roots, Inspect: inspect}
}

// open makes a Refresher that the test's end closes.
func open(t testing.TB, o Options) *Refresher {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func refresh(t testing.TB, r *Refresher) {
	t.Helper()
	if err := r.Refresh(t.Context(), "ads"); err != nil {
		t.Fatal(err)
	}
}

// refused wants the refresh of ads to fail for a reason.
func refused(t testing.TB, r *Refresher, want Reason) *Error {
	t.Helper()
	err, ok := errors.AsType[*Error](r.Refresh(t.Context(), "ads"))
	if !ok {
		t.Fatalf("no error, want %q", want)
	}
	if err.Reason != want || err.List != "ads" {
		t.Fatalf("%q of %q, want %q: %v", err.Reason, err.List, want, err)
	}
	return err
}

// has wants the copy of ads to have a content.
func has(t testing.TB, r *Refresher, want string) {
	t.Helper()
	path := r.Path("ads")
	if path == "" {
		t.Fatal("no copy")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Fatalf("the copy is %.100q, %v, want %.100q", b, err, want)
	}
}

// tidy wants the folder to have so many files, drafts included.
func tidy(t testing.TB, folder string, want int) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != want {
		t.Errorf("%d files, want %d: %v, %v", len(files), want, files, err)
	}
}

// journal keeps what is logged and observed.
type journal struct {
	mu       sync.Mutex
	lines    []string // from level warn on
	observed []string
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(b))
	return len(b), nil
}

func (j *journal) log(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: level}))
}

func (j *journal) ListFetched(list string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	outcome := "ok"
	if e, ok := errors.AsType[*Error](err); ok {
		outcome = string(e.Reason)
	} else if err != nil {
		outcome = "not an *Error"
	}
	j.observed = append(j.observed, list+" "+outcome)
}

// take returns what was logged and observed since the last call.
func (j *journal) take() (lines, observed []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines, observed = j.lines, j.observed
	j.lines, j.observed = nil, nil
	return lines, observed
}
