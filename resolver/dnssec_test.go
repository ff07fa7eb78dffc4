package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"tundns/cache"
	"tundns/dnswire"
	"tundns/resolver/upstream"
)

// raw is an upstream that answers with the bytes of a function.
type raw func(query []byte) []byte

func (f raw) Exchange(_ context.Context, query []byte) (upstream.Reply, error) {
	reply := f(bytes.Clone(query))
	if err := upstream.CheckReply(reply, query); err != nil {
		return upstream.Reply{}, err
	}
	return upstream.Reply{Message: reply, Upstream: "raw"}, nil
}

func startRaw(t testing.TB, f raw) *Resolver {
	t.Helper()
	r := New(Options{State: State{Upstream: f}})
	t.Cleanup(func() { r.Close() })
	return r
}

// data returns the records of a section as owner, type and data, bit by bit.
func data(t testing.TB, msg []byte, section dnswire.Section) []string {
	t.Helper()
	var out []string
	it := dnswire.NewRecords(msg)
	for it.Next() {
		if it.RR.Section != section || it.RR.Type == dnswire.TypeOPT {
			continue
		}
		name, _, err := dnswire.ReadName(msg, it.RR.Owner)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %d %x", name, it.RR.Type, msg[it.RR.Data:it.RR.End]))
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	return out
}

// TestRFC3597UnknownTypes sends random data of every type that is not compressed
// through upstream, cache and reply: it arrives bit by bit.
func TestRFC3597UnknownTypes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(35, 97))
	types := []uint16{dnswire.TypeDS, dnswire.TypeKEY, dnswire.TypeNSEC, dnswire.TypeNSEC3, 51, 52, 59, 61, dnswire.TypeSVCB, dnswire.TypeHTTPS,
		99, 108, 256, 257, 32769, 65280, 65400, 65534, dnswire.TypeA, dnswire.TypeAAAA, dnswire.TypeTXT, 13, 29, 44}
	for _, typ := range types {
		var want []string
		r := startRaw(t, func(query []byte) []byte {
			q, end, err := dnswire.ReadQuestion(query)
			if err != nil {
				t.Fatal(err)
			}
			b := slices.Clone(query[:end])
			dnswire.SetFlags(b, dnswire.FlagQR|dnswire.FlagRA)
			want = nil
			for range 3 {
				rdata := make([]byte, rnd.IntN(80))
				for i := range rdata {
					rdata[i] = byte(rnd.Uint32()) // bytes like 0xC00C, too, which are no pointers here
				}
				if len(rdata) > 2 {
					copy(rdata, []byte{0xC0, 0x0C})
				}
				b = dnswire.AppendRR(b, q.Name, typ, dnswire.ClassIN, 60, rdata)
				want = append(want, fmt.Sprintf("%s %d %x", q.Name, typ, rdata))
			}
			dnswire.SetCount(b, dnswire.Answer, 3)
			dnswire.SetCount(b, dnswire.Additional, 0)
			return b
		})
		for _, do := range []bool{false, true} {
			for _, from := range []string{"upstream", "cache"} {
				q := query("odd.example.com A")
				q.Question.Type, q.DO = typ, do
				a, err := r.Resolve(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if got := data(t, appendReply(nil, q, a, dnswire.MaxMessage), dnswire.Answer); !slices.Equal(got, want) {
					t.Errorf("type %d from %s: %v, want %v", typ, from, got, want)
				}
			}
		}
	}
}

// signed is a zone with what DNSSEC adds: section 3.1 of RFC 4035.
func signed(t testing.TB) func(context.Context, *dns.Msg) (*dns.Msg, error) {
	const sig = "A 8 2 60 20300101000000 20200101000000 1 example.com. AAAA"
	rr := func(s string) dns.RR {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	return func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		m.Compress, m.AuthenticatedData = true, true
		name := q.Question[0].Name
		m.SetEdns0(1232, true)
		switch q.Question[0].Qtype {
		case dns.TypeA:
			m.Answer = []dns.RR{rr(name + " 60 IN A 192.0.2.1"), rr(name + " 60 IN RRSIG " + sig)}
			m.Ns = []dns.RR{rr("*.example.com. 60 IN NSEC z.example.com. A RRSIG NSEC"), rr("*.example.com. 60 IN RRSIG NSEC 8 2 60 20300101000000 20200101000000 1 example.com. AAAA")}
		case dns.TypeRRSIG:
			m.Answer = []dns.RR{rr(name + " 60 IN RRSIG " + sig)}
		case dns.TypeNSEC:
			m.Answer = []dns.RR{rr(name + " 60 IN NSEC z.example.com. A RRSIG NSEC"), rr(name + " 60 IN RRSIG NSEC 8 2 60 20300101000000 20200101000000 1 example.com. AAAA")}
		case dns.TypeDS:
			m.Answer = []dns.RR{rr(name + " 60 IN DS 1 8 2 AABB"), rr(name + " 60 IN RRSIG DS 8 2 60 20300101000000 20200101000000 1 example.com. AAAA")}
		default:
			m.Rcode = dns.RcodeNameError
			m.Ns = []dns.RR{rr("example.com. 60 IN SOA a. b. 1 2 3 4 60"), rr("example.com. 60 IN RRSIG SOA 8 2 60 20300101000000 20200101000000 1 example.com. AAAA"),
				rr("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.com. 60 IN NSEC3 1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG"),
				rr("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.com. 60 IN RRSIG NSEC3 8 3 60 20300101000000 20200101000000 1 example.com. AAAA")}
		}
		return m, nil
	}
}

func TestRFC4035RecordsForValidators(t *testing.T) {
	for _, c := range []struct {
		name, question string
		answer, denial int  // records
		validator      bool // the client is one: DO
	}{
		{"3.2.1 with DO all of it", "w.example.com A +do", 2, 2, true},
		{"3.2.1 without DO none of it", "w.example.com A", 1, 0, false},
		{"3.2.1 but what was asked for", "w.example.com RRSIG", 1, 0, false},
		{"3.2.1 NSEC asked for, its signature not", "w.example.com NSEC", 1, 0, false},
		{"3.1.4.1 DS is an answer", "w.example.com DS", 1, 0, false},
		{"3.1.3 denial with DO", "x.example.com TXT +do", 0, 4, true},
		{"3.1.3 denial without DO", "x.example.com TXT", 0, 1, false},
	} {
		up := signed(t)
		r := start(t, &script{answer: up}, nil, 0)
		for _, from := range []string{"upstream", "cache"} {
			m, _ := resolve(t, r, c.question)
			if len(m.Answer) != c.answer || len(m.Ns) != c.denial || m.AuthenticatedData != c.validator {
				t.Errorf("%s, from %s: %s", c.name, from, m)
			}
			if !c.validator {
				continue
			}
			// What passes is what came, bit by bit but for compressed owners.
			q := new(dns.Msg).SetQuestion(m.Question[0].Name, m.Question[0].Qtype)
			want, _ := up(t.Context(), q)
			for i, rrs := range [][2][]dns.RR{{m.Answer, want.Answer}, {m.Ns, want.Ns}} {
				if fmt.Sprint(rrs[0]) != fmt.Sprint(rrs[1]) {
					t.Errorf("%s, from %s: section %d: %v, want %v", c.name, from, i, rrs[0], rrs[1])
				}
			}
		}
	}
}

// TestRFC6840 is about AD and CD.
func TestRFC6840(t *testing.T) {
	var cd, ad []bool
	up := &script{}
	up.answer = func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
		cd, ad = append(cd, q.CheckingDisabled), append(ad, q.AuthenticatedData)
		return signed(t)(ctx, q)
	}
	r := start(t, up, nil, 0)
	t.Run("5.7 and 5.8 AD to who sent AD or DO, to nobody else", func(t *testing.T) {
		for question, want := range map[string]bool{"w.example.com A": false, "w.example.com A +ad": true, "w.example.com A +do": true, "w.example.com A +ad +do": true} {
			for range 2 {
				if m, _ := resolve(t, r, question); m.AuthenticatedData != want {
					t.Errorf("%s: AD %v", question, m.AuthenticatedData)
				}
			}
		}
	})
	t.Run("5.9 CD travels upstream and has entries of its own", func(t *testing.T) {
		for _, question := range []string{"cd.example.com A", "cd.example.com A +cd", "cd.example.com A", "cd.example.com A +cd"} {
			m, _ := resolve(t, r, question)
			if m.CheckingDisabled != bytes.HasSuffix([]byte(question), []byte("+cd")) {
				t.Errorf("%s: CD %v", question, m.CheckingDisabled)
			}
		}
		// Two for w.example.com, with DO and without.
		if want := []bool{false, false, false, true}; !slices.Equal(cd, want) || slices.Contains(ad, false) {
			t.Errorf("upstream saw CD %v, AD %v", cd, ad)
		}
	})
}

// TestRFC2181OtherRecords: what was not asked for is neither passed on nor kept
// (section 5.4.1): not even a record of the right name in another class.
func TestRFC2181OtherRecords(t *testing.T) {
	r := startRaw(t, func(query []byte) []byte {
		q, end, _ := dnswire.ReadQuestion(query)
		b := slices.Clone(query[:end])
		dnswire.SetFlags(b, dnswire.FlagQR)
		b = dnswire.AppendRR(b, q.Name, q.Type, dnswire.ClassCH, 60, []byte{192, 0, 2, 66})
		b = dnswire.AppendRR(b, q.Name, q.Type, dnswire.ClassIN, 60, []byte{192, 0, 2, 1})
		b = dnswire.AppendRR(b, dnswire.MustName("bank.example"), q.Type, dnswire.ClassIN, 60, []byte{192, 0, 2, 67})
		b = dnswire.AppendRR(b, dnswire.MustName("bank.example"), dnswire.TypeNS, dnswire.ClassIN, 60, []byte(dnswire.MustName("ns.evil.example")))
		b = dnswire.AppendRR(b, dnswire.MustName("bank.example"), q.Type, dnswire.ClassIN, 60, []byte{192, 0, 2, 68})
		binary.BigEndian.PutUint16(b[6:], 3)
		binary.BigEndian.PutUint16(b[8:], 1)
		binary.BigEndian.PutUint16(b[10:], 1)
		return b
	})
	for range 2 {
		if m, _ := resolve(t, r, "www.example.com A +do"); summary(m) != "NOERROR; www.example.com. 60 IN A 192.0.2.1" || len(m.Ns) != 0 || len(m.Extra) != 1 {
			t.Errorf("%s", m)
		}
	}
	if st := r.cache.Stats(); st.Kinds[cache.Positive].Entries != 1 {
		t.Errorf("kept: %+v", st)
	}
}
