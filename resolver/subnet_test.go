package resolver

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"tundns/cache"
	"tundns/dnswire"
)

func subnetOf(m *dns.Msg) *dns.EDNS0_SUBNET {
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if s, ok := opt.(*dns.EDNS0_SUBNET); ok {
				return s
			}
		}
	}
	return nil
}

// located answers with an address that tells the subnet asked for, and its scope.
func located(scope uint8, edit func(*dns.EDNS0_SUBNET)) func(context.Context, *dns.Msg) (*dns.Msg, error) {
	return func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		a := net.IPv4(192, 0, 2, 1)
		if s := subnetOf(q); s != nil {
			a = s.Address
			m.SetEdns0(1232, false)
			back := *s
			back.SourceScope = scope
			if edit != nil {
				edit(&back)
			}
			m.IsEdns0().Option = []dns.EDNS0{&back}
		}
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: 1, Ttl: 60}, A: a}}
		return m, nil
	}
}

// fromSubnet asks for example.com A with the option's data.
func fromSubnet(t testing.TB, data ...byte) []byte {
	return ask(t, "example.com.", dns.TypeA, edns(func(o *dns.OPT) {
		o.Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET, Data: data}}
	}))
}

func TestRFC7871ClientSubnet(t *testing.T) {
	stateful := func(pass bool, up *script) (*Server, *cache.Messages) {
		r := New(Options{State: State{Upstream: up, PassSubnet: pass}})
		t.Cleanup(func() { r.Close() })
		return server(r), r.cache
	}
	near, far := fromSubnet(t, 0, 1, 24, 0, 198, 51, 100), fromSubnet(t, 0, 1, 24, 0, 203, 0, 113)
	t.Run("11.1 stripped by default", func(t *testing.T) {
		up := &script{answer: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			if subnetOf(q) != nil {
				t.Error("it travelled upstream")
			}
			return located(24, nil)(ctx, q)
		}}
		s, _ := stateful(false, up)
		for _, msg := range [][]byte{near, far, fromSubnet(t, 9, 9, 9)} { // nor is it looked at
			if m := unpack(t, answer(t, s, msg, UDP)); summary(m) != "NOERROR; example.com. 60 IN A 192.0.2.1" || subnetOf(m) != nil {
				t.Errorf("%s", m)
			}
		}
		if up.asked.Load() != 1 {
			t.Error("not one cached answer for all")
		}
	})
	t.Run("7.3 passed, for that network alone", func(t *testing.T) {
		up := &script{answer: located(24, nil)}
		s, kept := stateful(true, up)
		plain := ask(t, "example.com.", dns.TypeA, nil)
		for i, c := range []struct {
			msg   []byte
			want  string
			scope bool
		}{{plain, "192.0.2.1", false}, {near, "198.51.100.0", true}, {far, "203.0.113.0", true}, {near, "198.51.100.0", true}, {plain, "192.0.2.1", false}} {
			m := unpack(t, answer(t, s, c.msg, UDP))
			if summary(m) != "NOERROR; example.com. 60 IN A "+c.want || (subnetOf(m) != nil) != c.scope || c.scope && subnetOf(m).SourceScope != 24 {
				t.Errorf("%d: %s", i, m)
			}
		}
		if st := kept.Stats(); up.asked.Load() != 4 || st.Kinds[cache.Positive].Entries != 1 {
			t.Errorf("%d upstream queries, %+v", up.asked.Load(), st)
		}
	})
	t.Run("7.3 a reply for another network is dropped", func(t *testing.T) {
		for name, edit := range map[string]func(*dns.EDNS0_SUBNET){
			"address": func(s *dns.EDNS0_SUBNET) { s.Address = net.IPv4(192, 0, 2, 0) },
			"length":  func(s *dns.EDNS0_SUBNET) { s.SourceNetmask = 16 },
			"family":  func(s *dns.EDNS0_SUBNET) { s.Family, s.Address = 2, net.ParseIP("2001:db8::") },
		} {
			s, kept := stateful(true, &script{answer: located(24, edit)})
			if m := unpack(t, answer(t, s, near, UDP)); m.Rcode != dns.RcodeServerFailure || len(m.Answer) != 0 || subnetOf(m) != nil {
				t.Errorf("%s: %s", name, m)
			}
			if st := kept.Stats(); st.Kinds[cache.Failure].Entries != 0 {
				t.Errorf("%s: one network's failure is everybody's", name)
			}
		}
	})
	t.Run("6 malformed", func(t *testing.T) {
		up := &script{answer: located(24, nil)}
		s, _ := stateful(true, up)
		for name, c := range map[string]struct {
			data  []byte
			rcode int
		}{
			"whole":               {[]byte{0, 1, 32, 0, 192, 0, 2, 1}, dns.RcodeSuccess},
			"IPv6":                {[]byte{0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0}, dns.RcodeSuccess},
			"no bits: do not ask": {[]byte{0, 1, 0, 0}, dns.RcodeSuccess},
			"short head":          {[]byte{0, 1, 0}, dns.RcodeFormatError},
			"unknown family":      {[]byte{0, 3, 8, 0, 1}, dns.RcodeFormatError},
			"too many bits":       {[]byte{0, 1, 33, 0, 1, 1, 1, 1, 0}, dns.RcodeFormatError},
			"too few bytes":       {[]byte{0, 1, 24, 0, 1, 1}, dns.RcodeFormatError},
			"too many bytes":      {[]byte{0, 1, 8, 0, 1, 1}, dns.RcodeFormatError},
			"a bit too many":      {[]byte{0, 1, 7, 0, 1}, dns.RcodeFormatError},
			"a screed":            {append([]byte{0, 2, 128, 0}, make([]byte, 40000)...), dns.RcodeFormatError},
			"a scope":             {[]byte{0, 1, 8, 8, 1}, dns.RcodeFormatError},
		} {
			before := up.asked.Load()
			b := answer(t, s, fromSubnet(t, c.data...), UDP)
			if dnswire.Rcode(b) != c.rcode || (up.asked.Load() > before) != (c.rcode == 0) {
				t.Errorf("%s: rcode %d", name, dnswire.Rcode(b))
			}
		}
	})
}

// TestRFC7828Keepalive: the option in the reply to who asks for it over TCP.
func TestRFC7828Keepalive(t *testing.T) {
	s := server(start(t, &script{answer: zone("example.com. 60 IN A 192.0.2.1")}, nil, 0))
	asked := ask(t, "example.com.", dns.TypeA, edns(func(o *dns.OPT) { o.Option = []dns.EDNS0{&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}} }))
	want := []byte{0, 11, 0, 2, 0, 100} // 10 s in units of 100 ms (section 3.1)
	for name, c := range map[string]struct {
		msg       []byte
		transport Transport
		want      bool
	}{
		"3.3.2 asked over TCP":     {asked, TCP, true},
		"3.2.1 ignored over UDP":   {asked, UDP, false},
		"3.3.2 not asked":          {ask(t, "example.com.", dns.TypeA, edns(nil)), TCP, false},
		"3.3.2 who has no EDNS":    {ask(t, "example.com.", dns.TypeA, nil), TCP, false},
		"with an error to explain": {ask(t, "example.com.", dns.TypeAXFR, edns(func(o *dns.OPT) { o.Option = []dns.EDNS0{&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}} })), TCP, true},
	} {
		b := answer(t, s, c.msg, c.transport)
		if bytes.Contains(b, want) != c.want || dnswire.Check(b) != nil {
			t.Errorf("%s: %x", name, b)
		}
		if m := unpack(t, b); m.IsEdns0() != nil {
			has := slices.ContainsFunc(m.IsEdns0().Option, func(o dns.EDNS0) bool { return o.Option() == dns.EDNS0TCPKEEPALIVE })
			if has != c.want {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}
