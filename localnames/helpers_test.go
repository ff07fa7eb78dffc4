package localnames

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// build returns names of record lines.
func build(t testing.TB, lines ...string) *Names {
	t.Helper()
	var b Builder
	for _, l := range lines {
		if err := b.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	n, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// text writes a record as the library reads it from the wire: owner, TTL, type
// and data, separated by single spaces.
func text(t testing.TB, r Record) string {
	t.Helper()
	wire := dnswire.AppendRR(nil, r.Owner, r.Type, dnswire.ClassIN, r.TTL, r.Data)
	rr, end, err := dns.UnpackRR(wire, 0)
	if err != nil || end != len(wire) {
		t.Fatalf("%x: read %d of %d bytes, %v", wire, end, len(wire), err)
	}
	return strings.Join(strings.Fields(strings.Replace(rr.String(), "\tIN\t", "\t", 1)), " ")
}

// show writes a result in one line: "status: record; record -> continue". The
// SOA of negative results is checked, not shown.
func show(t testing.TB, r Result) string {
	t.Helper()
	s := r.Status.String()
	for i, rec := range r.Records {
		s += []string{"; ", ": "}[max(0, 1-i)] + text(t, rec)
	}
	if r.Continue != "" {
		s += " -> " + r.Continue.String()
	}
	negative := r.Status == NoData || r.Status == NXDomain
	if negative != (r.SOA.Owner != "") {
		t.Errorf("%s with SOA %+v", s, r.SOA)
	}
	if negative {
		want := fmt.Sprintf("%s %d SOA %[1]s nobody.invalid. 1 3600 1200 604800 %[2]d", r.SOA.Owner, r.SOA.TTL)
		if got := text(t, r.SOA); got != want {
			t.Errorf("SOA %s, want %s", got, want)
		}
	}
	return s
}

// ask looks up "name TYPE".
func ask(t testing.TB, lookup func(dnswire.Name, uint16) Result, question string) string {
	t.Helper()
	name, typ, _ := strings.Cut(question, " ")
	return show(t, lookup(dnswire.MustName(name), dns.StringToType[typ]))
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
