package upstream

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestFailoverOnSockets kills and revives the first of two real servers under a
// stream of queries, in each way that it can fail.
func TestFailoverOnSockets(t *testing.T) {
	servfail := upstreamtest.Rcode(dnswire.RcodeServerFailure)
	tests := []struct {
		name    string
		fail    func(*upstreamtest.Server)
		recover func(*upstreamtest.Server)
	}{
		{"stopped", (*upstreamtest.Server).Stop, (*upstreamtest.Server).Start},
		{"silent", func(s *upstreamtest.Server) { s.Handle(upstreamtest.Silent) }, func(s *upstreamtest.Server) { s.Handle(testAnswer) }},
		{"SERVFAIL", func(s *upstreamtest.Server) { s.Handle(servfail) }, func(s *upstreamtest.Server) { s.Handle(testAnswer) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, ca, server := dohServer(t, testAnswer)
			second := upstreamtest.NewDNS(t, testAnswer)
			g := NewGroup(Options{Name: "test", Transports: []Transport{
				transport(t, server, ca), transport(t, Server{URL: "udp://" + second.Addr().String()}, nil),
			}})
			defer g.Close()
			// ask sends queries until one is answered as wanted.
			ask := func(want string) {
				t.Helper()
				for end := time.Now().Add(enough); time.Now().Before(end); {
					query := testQuery()
					reply, err := g.Exchange(t.Context(), query)
					if err != nil {
						t.Fatalf("a query was lost: %v", err)
					}
					checkAnswer(t, reply.Message, query)
					if reply.Upstream == want {
						return
					}
				}
				t.Fatalf("no answer of %s", want)
			}
			ask(g.State()[0].Upstream)
			tt.fail(first)
			for range 20 {
				ask(g.State()[1].Upstream)
			}
			tt.recover(first)
			ask(g.State()[0].Upstream)
		})
	}
}

// TestCloseWhileHanging: Close ends exchanges with servers of every kind that
// say nothing, and leaves no goroutine behind.
func TestCloseWhileHanging(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	silent := upstreamtest.NewDNS(t, upstreamtest.Silent)
	doh := upstreamtest.NewHTTPS(t, ca, upstreamtest.Silent)
	handshake := deaf(t)
	leaks := goleak.IgnoreCurrent()
	var ts []Transport
	for _, s := range []Server{
		{URL: "udp://" + silent.Addr().String()},
		{URL: "tcp://" + silent.Addr().String()},
		{URL: doh.URL(), Addresses: []netip.Addr{doh.Addr().Addr()}},
		dohAt(handshake),
	} {
		tr, err := NewTransport(s, ca.Pool)
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, tr)
	}
	g := NewGroup(Options{Transports: ts})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range 10 {
		go g.Exchange(t.Context(), testQuery())
	}
	for _, tr := range ts { // all are busy, the later ones not in turn yet
		go tr.Exchange(t.Context(), testQuery())
	}
	var all *Error
	if _, err := g.Exchange(ctx, testQuery()); !errors.As(err, &all) {
		t.Errorf("%v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, append(servers(), leaks)...)
}
