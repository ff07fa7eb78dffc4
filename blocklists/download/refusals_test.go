package download

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefusals tries everything that must leave the last good copy in use.
func TestRefusals(t *testing.T) {
	const limit = 64 << 10
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	abort := func(w http.ResponseWriter, declared string) {
		if declared != "" {
			w.Header().Set("Content-Length", declared)
		}
		io.WriteString(w, rules(20))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	trickle := func(every time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(every):
				case <-r.Context().Done():
				}
			}
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    Reason
		says    string
	}{
		{"500", status(500), HTTPStatus, "the server says 500 Internal Server Error"},
		{"404", status(404), HTTPStatus, "404 Not Found"},
		{"unknown status", status(599), HTTPStatus, "599"},
		{"204", status(204), HTTPStatus, "204"},
		{"206", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); io.WriteString(w, rules(20)) }, HTTPStatus, "206"},
		{"304 to no condition", status(304), HTTPStatus, "304"},
		{"HTML with 200", text("<!DOCTYPE html>"+rules(20), ""), HTML, "a web page"},
		{"NUL", text(rules(20)+"\x00", ""), Binary, "not a text"},
		{"nothing", text("", ""), Empty, "0 bytes"},
		{"comments", text("# moved\n\r\n", ""), Empty, "no rule"},
		{"shrunk", text(rules(5), ""), Shrunk, "5 rules instead of 10; if that is right, remove /"},
		{"too large", text(strings.Repeat("x\n", limit/2+1), ""), Size, "65536 bytes"},
		{"says that it is too large", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "65537") }, Size, "65536"},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 100<<20)) // some 100 KiB on the way
			z.Close()
		}, Size, "65536"},
		{"gzip cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, rules(20))
			z.Flush()
		}, Network, "unexpected EOF"},
		{"no gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, rules(20))
		}, Network, "gzip"},
		{"cut short of its length", func(w http.ResponseWriter, _ *http.Request) { abort(w, "1000") }, Network, ""},
		{"cut", func(w http.ResponseWriter, _ *http.Request) { abort(w, "") }, Network, ""},
		{"128 KiB of fields", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 128<<10))
			io.WriteString(w, rules(20))
		}, Network, ""},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Network, "nothing came for 1m"},
		{"stalled", trickle(stall + 1), Network, "nothing came for 1m"},
		{"slow", trickle(stall - 1), Network, "not complete after 15m"},
		{"redirects for ever", redirect("/"), HTTPStatus, "more than 5 times"},
		{"redirect to http", redirect("http://example.com/ads.txt"), HTTPStatus, "redirects to http://example.com: only https://"},
		{"redirect to a file", redirect("file:///etc/passwd"), HTTPStatus, "only https://"},
		{"redirect to nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }, HTTPStatus, "302"},
		{"redirect to another certificate", redirect("https://example.net/"), Network, "certificate"},
	}
	for _, tt := range tests {
		for _, major := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s over HTTP/%d", tt.name, major), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := publishOver(t, major, text(rules(10), ""))
					o, j := p.options(t), new(journal)
					o.MaxBytes, o.Observer = limit, j
					r := open(t, o)
					refresh(t, r)
					if got := p.last(t); got.ProtoMajor != major {
						t.Fatal(got.Proto)
					}
					before := r.Status()[0]
					p.set(tt.handler)
					err := refused(t, r, tt.want)
					if !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), `list "ads": `) || strings.Contains(err.Error(), "ads.txt\"") {
						t.Errorf("%q, want %q in it", err, tt.says)
					}
					has(t, r, rules(10))
					after := r.Status()[0]
					if after.Err != err || after.Failures != 1 || after.Checked != before.Checked || after.Rules != 10 {
						t.Errorf("%+v", after)
					}
					tidy(t, o.Folder, 2)
					most := strings.Repeat("x\n", limit/2)
					p.set(text(most, ""))
					refresh(t, r)
					has(t, r, most)
					if s := r.Status()[0]; s.Err != nil || s.Failures != 0 {
						t.Errorf("%+v", s)
					}
					if _, got := j.take(); !slices.Equal(got, []string{"ads ok", "ads " + string(tt.want), "ads ok"}) {
						t.Errorf("observed %q", got)
					}
				})
			})
		}
	}
}

func TestDialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(3), ""))
		o := p.options(t)
		o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done() // a black hole
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}
		start := time.Now()
		refused(t, open(t, o), Network)
		if d := time.Since(start); d != stall {
			t.Errorf("gave up after %v", d)
		}
	})
}

// TestIntakeErrorStays reads on after the end, as a parser might.
func TestIntakeErrorStays(t *testing.T) {
	text, err := newDraft(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer text.discard()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	in := newIntake(t.Context(), strings.NewReader("abcdef"), text, timer, 2)
	for range 3 {
		if _, err := in.Read(make([]byte, 3)); err != errTooLarge {
			t.Error(err)
		}
	}
	if in.n != 3 || in.failed() != errTooLarge {
		t.Errorf("%d bytes, %v", in.n, in.failed())
	}
}

// TestEndAfterHangingUp has the server end the text properly once the client is
// gone: it is not the whole text for that.
func TestEndAfterHangingUp(t *testing.T) {
	for _, cause := range []error{errStalled, errSlow, ErrClosed} {
		text, err := newDraft(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer text.discard()
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		ctx, cancel := context.WithCancelCause(t.Context())
		in := newIntake(ctx, strings.NewReader(rules(3)), text, timer, 1<<20)
		if _, err := io.ReadFull(in, make([]byte, len(rules(3)))); err != nil {
			t.Fatal(err)
		}
		cancel(cause)
		if _, err := inspect("", in); err == nil || !errors.Is(in.failed(), cause) {
			t.Errorf("%v, want %v", in.failed(), cause)
		}
	}
}
