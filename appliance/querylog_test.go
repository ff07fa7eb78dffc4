package appliance

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver"
	"tundns/resolver/upstream/upstreamtest"
)

// TestQueryLog: what is logged, by the configuration, and that the hop which
// blocked an answer is named.
func TestQueryLog(t *testing.T) {
	server := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("203.0.113.9")))
	dir := write(t, "ads.txt", "||ads.example^\n", "places.txt", "203.0.113.0/24\n")
	const lists = "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n[[list]]\nname = \"places\"\npath = \"places.txt\"\n[[group]]\nname = \"free\"\nclients = [\"10.0.0.9\"]\nlists = []\n"
	blocked := []string{
		`msg=query client=10.0.0.1 name=x.ads.example type=A outcome=blocked rcode=NOERROR took=`, `why="ads:1 ||ads.example^"`,
		`name=www.example.com type=A outcome=blocked`, `why="places:1 ||203.0.113.0/24^ for 203.0.113.9"`,
	}
	for _, tt := range []struct {
		queries string
		lines   int
		want    []string
	}{
		{"none", 0, nil},
		{"blocked", 2, blocked},
		{"all", 3, append(blocked, "client=10.0.0.9 name=www.example.com type=A outcome=cached")},
	} {
		a := &Appliance{queries: queryLog{lines: make(chan slog.Record, 10)}}
		r, err := compile(t.Context(), parse(t, dir, fmt.Sprintf("%s[[upstream]]\nservers = [\"udp://%s\"]\n[log]\nqueries = %q\n", lists, server.Addr(), tt.queries)), offline, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.current.Store(r)
		res := resolver.New(resolver.Options{State: r.state(), Log: a.logQuery})
		for _, q := range []struct{ client, name string }{{"10.0.0.1", "x.ads.example"}, {"10.0.0.1", "www.example.com"}, {"10.0.0.9", "www.example.com"}} {
			if _, err := res.Resolve(t.Context(), resolver.NewQuery(dnswire.MustName(q.name), dnswire.TypeA, netip.AddrPortFrom(netip.MustParseAddr(q.client), 0))); err != nil {
				t.Fatal(err)
			}
		}
		res.Close()
		r.close()
		var out bytes.Buffer
		handler := slog.NewTextHandler(&out, nil)
		for len(a.queries.lines) > 0 {
			handler.Handle(t.Context(), <-a.queries.lines)
		}
		if n := strings.Count(out.String(), "\n"); n != tt.lines {
			t.Errorf("%s: %d lines, want %d", tt.queries, n, tt.lines)
		}
		for _, w := range tt.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s", tt.queries, w, &out)
			}
		}
	}
}

// TestQueryLogNeverWaits: a log that takes no lines costs lines, not queries.
func TestQueryLogNeverWaits(t *testing.T) {
	a := &Appliance{queries: queryLog{lines: make(chan slog.Record, 1)}}
	r, err := compilePolicy(t.Context(), parse(t, t.TempDir(), "[log]\nqueries = \"all\"\n"), offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.current.Store(r)
	q := resolver.NewQuery(dnswire.MustName("example.com"), dnswire.TypeA, netip.AddrPort{})
	answer := &resolver.Answer{Message: dnswire.AppendQuestion(nil, 0, 0, q.Question)}
	for range 3 {
		a.logQuery(q, answer, time.Millisecond)
	}
	if n := a.queries.dropped.Load(); n != 2 {
		t.Errorf("%d dropped", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	done := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(done)
		a.queries.run(ctx, slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			out.Write(b)
			close(read)
			return len(b), nil
		}), nil)))
	}()
	<-read
	cancel()
	<-done
	if !strings.Contains(out.String(), "name=example.com") {
		t.Errorf("%q", &out)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
