package upstream

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// changed returns a copy of msg after f.
func changed(msg []byte, f func([]byte)) []byte {
	msg = bytes.Clone(msg)
	f(msg)
	return msg
}

func TestCheckReply(t *testing.T) {
	query := testQuery()
	good := answer(query)
	other := func(q dnswire.Question) []byte { return dnswire.AppendQuestion(nil, 1, dnswire.FlagQR, q) }
	tests := []struct {
		name  string
		reply []byte
		want  error
	}{
		{"answer", good, nil},
		{"another ID", changed(good, func(m []byte) { m[0] ^= 1 }), nil},
		{"another letter case", changed(good, func(m []byte) { m[13] ^= 0x20 }), nil},
		{"bare FORMERR", []byte{0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}, nil},
		{"bare NOERROR", []byte{0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrMismatch},
		{"bare NXDOMAIN", []byte{0, 0, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0}, ErrMismatch},
		{"empty", nil, ErrMalformed},
		{"11 bytes", good[:11], ErrMalformed},
		{"the query", query, ErrMalformed},
		{"opcode NOTIFY", changed(good, func(m []byte) { m[2] |= 4 << 3 }), ErrMalformed},
		{"two questions", changed(good, func(m []byte) { m[5] = 2 }), ErrMismatch},
		{"cut", good[:len(good)-1], ErrMalformed},
		{"one byte more", append(bytes.Clone(good), 0), ErrMalformed},
		{"a record too few", changed(good, func(m []byte) { m[7] = 2 }), ErrMalformed},
		{"too long", make([]byte, dnswire.MaxMessage+1), ErrMalformed},
		{"another name", other(dnswire.Question{Name: dnswire.MustName("www.example.org"), Type: 1, Class: 1}), ErrMismatch},
		{"a name below", other(dnswire.Question{Name: dnswire.MustName("x.www.example.com"), Type: 1, Class: 1}), ErrMismatch},
		{"another type", other(dnswire.Question{Name: testQuestion.Name, Type: 28, Class: 1}), ErrMismatch},
		{"another class", other(dnswire.Question{Name: testQuestion.Name, Type: 1, Class: 3}), ErrMismatch},
	}
	for _, tt := range tests {
		if got := CheckReply(tt.reply, query); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFinishBareError(t *testing.T) {
	query := testQuery()
	got, err := finish([]byte{0, 0, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0}, query)
	if err != nil || dnswire.ID(got) != dnswire.ID(query) || dnswire.Rcode(got) != dnswire.RcodeRefused ||
		!dnswire.Asks(got, testQuestion) || dnswire.Check(got) != nil {
		t.Errorf("%x, %v", got, err)
	}
}

func TestWithoutOPT(t *testing.T) {
	query := testQuery()
	plain := withoutOPT(query)
	if want := dnswire.AppendQuestion(nil, 0x1234, dnswire.FlagRD, testQuestion); !bytes.Equal(plain, want) {
		t.Errorf("%x, want %x", plain, want)
	}
	if got := withoutOPT(plain); got != nil {
		t.Errorf("without any: %x", got)
	}
	signed := dnswire.AppendRR(bytes.Clone(query), dnswire.Root, dnswire.TypeTSIG, dnswire.ClassANY, 0, nil)
	dnswire.SetCount(signed, dnswire.Additional, 2)
	if got := withoutOPT(signed); got != nil {
		t.Errorf("with a record after it: %x", got)
	}
}

func TestRefusesOPT(t *testing.T) {
	badvers := changed(rcode(0, 0)(testQuery()), func(m []byte) {
		rr, _, _ := dnswire.FindOPT(m)
		m[rr.TTLOffset()] = 1
	})
	for name, tt := range map[string]struct {
		reply []byte
		want  bool
	}{
		"BADVERS": {badvers, true}, "FORMERR": {formerr(testQuery()), true}, "answer": {answer(testQuery()), false},
		"SERVFAIL": {servfail(testQuery()), false},
	} {
		if got := refusesOPT(tt.reply); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// FuzzReply holds CheckReply against miekg/dns: what passes is a response to the
// very question, and what miekg reads as one does not fail for its question.
func FuzzReply(f *testing.F) {
	query := testQuery()
	root := dnswire.AppendQuestion(nil, 1, 0, dnswire.Question{Name: dnswire.Root, Type: 2, Class: 1})
	for _, q := range [][]byte{query, root} {
		for _, r := range []func([]byte) []byte{answer, servfail, truncated, bogus} {
			f.Add(r(q), q)
			f.Add(r(query), q)
		}
	}
	f.Add([]byte{0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}, query)
	f.Add(append(head(query, 0), 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0), query)
	f.Add([]byte("00\x830\x00\x01000000\x000000"), []byte("\x00000\x00\x01000000\xc0\x000001"))
	f.Add([]byte("\x00\x00\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03W\\w\xc0\x0c\x00\x01\x00\x01"), query)
	f.Fuzz(func(t *testing.T, reply, query []byte) {
		err := CheckReply(reply, query)
		rank(append(make([]byte, dnswire.HeaderLen), reply...))
		if err == nil {
			if got, err := finish(bytes.Clone(reply), query); err != nil || CheckReply(got, query) != nil {
				t.Fatalf("finish: %x, %v", got, err)
			}
			rank(reply)
			refusesOPT(reply)
			takeOffAge(bytes.Clone(reply), "7")
		}
		asked, okQuery := miekgQuestion(query)
		replied, okReply := miekgQuestion(reply)
		if !okQuery || !okReply {
			return
		}
		same := strings.EqualFold(asked.Name, replied.Name) && asked.Qtype == replied.Qtype && asked.Qclass == replied.Qclass
		if isResponse(reply) && (err == ErrMismatch) == same {
			t.Errorf("%v for %v and %v", err, asked, replied)
		}
	})
}

// miekgQuestion reads msg's header and question alone. It leaves out names that
// lead into the header: the library follows such a pointer, we do not.
func miekgQuestion(msg []byte) (dns.Question, bool) {
	if len(msg) < dnswire.HeaderLen || dnswire.QuestionCount(msg) != 1 {
		return dns.Question{}, false
	}
	if _, _, err := dnswire.ReadName(msg, dnswire.HeaderLen); err == dnswire.ErrPointer {
		return dns.Question{}, false
	}
	off := dnswire.HeaderLen
	name, off, err := dns.UnpackDomainName(msg, off)
	if err != nil || off+4 > len(msg) {
		return dns.Question{}, false
	}
	return dns.Question{
		Name:   name,
		Qtype:  uint16(msg[off])<<8 | uint16(msg[off+1]),
		Qclass: uint16(msg[off+2])<<8 | uint16(msg[off+3]),
	}, true
}

func BenchmarkCheckReply(b *testing.B) {
	query := testQuery()
	reply := answer(query)
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckReply(reply, query); err != nil {
			b.Fatal(err)
		}
	}
}
