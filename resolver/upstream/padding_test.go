package upstream

import (
	"bytes"
	"sync"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestPadding (RFC 8467 section 4.1): what is sent has a multiple of 128 bytes,
// and but for the option it is what was given.
func TestPadding(t *testing.T) {
	for n := range 300 {
		query := dnswire.AppendQuestion(nil, 1, dnswire.FlagRD, testQuestion)
		options := dnswire.AppendOption(nil, dnswire.OptionECS, make([]byte, n))
		query = dnswire.AppendOPT(query, dnswire.OPT{UDPSize: 1232, DO: true, Options: options})
		dnswire.SetCount(query, dnswire.Additional, 1)
		before := bytes.Clone(query)
		msg := pad(query)
		rr, found, more := dnswire.FindOPT(msg)
		if len(msg)%128 != 0 || len(msg) >= len(query)+4+128 || dnswire.Check(msg) != nil || !found || more {
			t.Fatalf("%d bytes became %d: %x", len(query), len(msg), msg)
		}
		opt := dnswire.ReadOPT(msg, &rr)
		if opt.UDPSize != dnswire.MaxMessage || !opt.DO {
			t.Fatalf("%+v", opt)
		}
		code, data, rest, ok, _ := dnswire.NextOption(opt.Options)
		if code != dnswire.OptionECS || len(data) != n || !ok {
			t.Errorf("the first option is %d of %d bytes", code, len(data))
		}
		code, data, rest, ok, _ = dnswire.NextOption(rest)
		if code != dnswire.OptionPadding || !ok || len(rest) != 0 || !bytes.Equal(data, make([]byte, len(data))) {
			t.Errorf("the second option is %d, %x", code, data)
		}
		if !bytes.Equal(query, before) {
			t.Fatal("the query was changed")
		}
		if again := pad(msg); !bytes.Equal(again, msg) {
			t.Errorf("padded twice: %x", again)
		}
	}
}

// TestPaddingNone: messages that cannot be padded are sent as they are.
func TestPaddingNone(t *testing.T) {
	plain := dnswire.AppendQuestion(nil, 1, dnswire.FlagRD, testQuestion)
	signed := dnswire.AppendRR(testQuery(), dnswire.Root, dnswire.TypeTSIG, dnswire.ClassANY, 0, nil)
	dnswire.SetCount(signed, dnswire.Additional, 2)
	odd := dnswire.AppendOPT(bytes.Clone(plain), dnswire.OPT{Options: []byte{0, 12, 0, 9}})
	dnswire.SetCount(odd, dnswire.Additional, 1)
	full := dnswire.AppendOPT(bytes.Clone(plain), dnswire.OPT{Options: dnswire.AppendOption(nil, 1, make([]byte, 65400))})
	dnswire.SetCount(full, dnswire.Additional, 1)
	for name, query := range map[string][]byte{"no OPT": plain, "TSIG after it": signed, "malformed": odd, "no room": full, "empty": nil} {
		if got := pad(query); !bytes.Equal(got, query) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// TestPaddingByTransport (RFC 7830 section 6): encrypted servers see padded
// queries, the others never.
func TestPaddingByTransport(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	var mu sync.Mutex
	var seen [][]byte
	record := func(query []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, bytes.Clone(query))
		return testAnswer(query)
	}
	plain, dot, doh := upstreamtest.NewDNS(t, record), upstreamtest.NewTLS(t, ca, record), upstreamtest.NewHTTPS(t, ca, record)
	doq, doh3 := upstreamtest.NewQUIC(t, ca, record), upstreamtest.NewHTTP3(t, ca, record)
	for url, want := range map[string]bool{
		"udp://" + plain.Addr().String():                     false,
		"tcp://" + plain.Addr().String():                     false,
		"tls://" + dot.Addr().String():                       true,
		"quic://" + doq.Addr().String():                      true,
		"https://" + doh.Addr().String() + upstreamtest.Path: true,
		"h3://" + doh3.Addr().String() + upstreamtest.Path:   true,
	} {
		mu.Lock()
		seen = nil
		mu.Unlock()
		exchange(t, transport(t, Server{URL: url}, ca))
		mu.Lock()
		if len(seen) != 1 {
			t.Fatalf("%s: %d queries", url, len(seen))
		}
		rr, _, _ := dnswire.FindOPT(seen[0])
		_, found := findOption(dnswire.ReadOPT(seen[0], &rr).Options, dnswire.OptionPadding)
		if found != want || want && len(seen[0]) != paddedBlock {
			t.Errorf("%s: %x", url, seen[0])
		}
		mu.Unlock()
	}
}

// TestPaddingAllocations: both copies of the query and the fill.
func TestPaddingAllocations(t *testing.T) {
	query := testQuery()
	if n := testing.AllocsPerRun(100, func() { pad(query) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzPadding: whatever the query, it stays as well formed as it was.
func FuzzPadding(f *testing.F) {
	f.Add(testQuery())
	f.Add(pad(testQuery()))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 4, 0, 12, 0, 9})
	f.Fuzz(func(t *testing.T, query []byte) {
		msg := pad(query)
		if dnswire.Check(query) == nil && dnswire.Check(msg) != nil {
			t.Errorf("%x became %x", query, msg)
		}
		if len(msg) != len(query) && len(msg)%paddedBlock != 0 {
			t.Errorf("%x became %d bytes", query, len(msg))
		}
	})
}

func BenchmarkPadding(b *testing.B) {
	query := testQuery()
	b.ReportAllocs()
	for b.Loop() {
		pad(query)
	}
}
