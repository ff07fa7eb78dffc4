package resolver

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// view is a section as the library reads it, in lower case and without TTLs and
// OPT records.
func view(rrs []dns.RR) []string {
	var out []string
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			rr.Header().Ttl = 0
			out = append(out, strings.ToLower(rr.String()))
		}
	}
	return out
}

// subsequence reports whether part is what is left of whole when some is taken
// out of it.
func subsequence(part, whole []string) bool {
	for _, s := range whole {
		if len(part) > 0 && part[0] == s {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// FuzzUpstream gives arbitrary bytes as an upstream's reply to the whole
// pipeline, and holds what the client gets against the library's view of both:
// well-formed, the rcode unchanged, nothing added, nothing of another name, and
// from the cache the same as before.
func FuzzUpstream(f *testing.F) {
	pack := func(edit func(*dns.Msg), records ...string) []byte {
		m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
		m.Response, m.Compress = true, true
		for _, s := range records {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		if edit != nil {
			edit(m)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	soa, _ := dns.NewRR("example.com. 60 IN SOA ns.example.com. h.example.com. 1 2 3 4 60")
	for _, do := range []bool{false, true} {
		f.Add(pack(nil, "www.example.com. 60 IN A 192.0.2.1"), do)
		f.Add(pack(nil, "www.example.com. 60 IN CNAME a.b.example.net.", "a.b.example.net. 60 IN A 192.0.2.1", "a.b.example.net. 60 IN RRSIG A 8 2 60 20300101000000 20200101000000 1 example.net. AAAA"), do)
		f.Add(pack(nil, "www.example.com. 60 IN CNAME www.example.com."), do)
		f.Add(pack(nil, "example.com. 60 IN DNAME example.net.", "www.example.com. 60 IN CNAME www.example.net.", "bank.example. 60 IN A 192.0.2.66"), do)
		f.Add(pack(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError; m.Ns = []dns.RR{soa}; m.SetEdns0(1232, true) }), do)
		f.Add(pack(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure; m.SetEdns0(1232, true) }), do)
		f.Add(pack(nil, `www.example.com. 60 IN NAPTR 1 2 "s" "x" "" n.example.com.`, "www.example.com. 0 IN SRV 1 2 3 srv.example.com.", "www.example.com. 60 IN TYPE65400 \\# 2 c00c"), do)
	}
	f.Fuzz(func(t *testing.T, b []byte, do bool) {
		if len(b) < dnswire.HeaderLen {
			return
		}
		b = slices.Clone(b)
		dnswire.SetFlags(b, dnswire.Flags(b)&^uint16(0x7800)|dnswire.FlagQR)
		r := New(Options{State: State{Upstream: raw(func([]byte) []byte { return slices.Clone(b) })}})
		defer r.Close()
		q := query("www.example.com A")
		q.DO, q.AD, q.EDNS = do, true, false
		var first *dns.Msg
		for range 2 {
			q := *q
			a, err := r.Resolve(context.Background(), &q)
			if err != nil {
				t.Fatal(err)
			}
			out := appendReply(nil, &q, a, dnswire.MaxMessage)
			if err := dnswire.Check(out); err != nil || len(out) > dnswire.MaxMessage || dnswire.Flags(out)&(dnswire.FlagZ|dnswire.FlagAA) != 0 {
				t.Fatalf("%v: %x", err, out)
			}
			if cut := dnswire.FlagTC & dnswire.Flags(out); cut != 0 && cut != dnswire.FlagTC&dnswire.Flags(b) && len(out) < dnswire.MaxMessage/2 {
				t.Fatalf("cut without need: %x", out)
			}
			if a.Outcome == Failed {
				return // not a reply to the query
			}
			if a.Rcode() != dnswire.Rcode(b) {
				t.Fatalf("rcode %d became %d", dnswire.Rcode(b), a.Rcode())
			}
			in, got := new(dns.Msg), new(dns.Msg)
			if in.Unpack(b) != nil {
				continue
			}
			if err := got.Unpack(out); err != nil {
				t.Fatalf("the library reads %x, not %x: %v", b, out, err)
			}
			if !subsequence(view(got.Answer), view(in.Answer)) || !subsequence(view(got.Ns), view(in.Ns)) || len(got.Extra) != 0 {
				t.Fatalf("added something:\n%s\n%s", in, got)
			}
			for _, rr := range got.Answer {
				if strings.EqualFold(rr.Header().Name, "bank.example.") {
					t.Fatalf("somebody else's: %s", rr)
				}
			}
			if first != nil && (!slices.Equal(view(first.Answer), view(got.Answer)) || !slices.Equal(view(first.Ns), view(got.Ns))) {
				t.Fatalf("from the cache:\n%s\n%s", first, got)
			}
			first = got
		}
	})
}
