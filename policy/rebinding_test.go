package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tundns/dnswire"
)

// svc is the data of an HTTPS record to its owner with the given parameters.
func svc(params ...string) string { return "\x00\x01\x00" + strings.Join(params, "") }

// param is one parameter: its key and its value.
func param(key byte, value string) string {
	return string([]byte{0, key, byte(len(value) >> 8), byte(len(value))}) + value
}

// packed are addresses in wire form.
func packed(addrs ...string) string {
	var b strings.Builder
	for _, a := range addrs {
		b.Write(netip.MustParseAddr(a).AsSlice())
	}
	return b.String()
}

func addressTypes(addr string) uint16 {
	if netip.MustParseAddr(addr).Is4() {
		return dnswire.TypeA
	}
	return dnswire.TypeAAAA
}

func TestRebinding(t *testing.T) {
	p, err := New(Options{Rebinding: Rebinding{On: true, Allow: []dnswire.Name{dnswire.MustName("plex.direct")}}})
	if err != nil {
		t.Fatal(err)
	}
	off := mustNew(t, nil)
	for addr, want := range map[string]bool{
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true,
		"127.0.0.1": true, "127.255.255.254": true, "169.254.169.254": true, "0.0.0.0": true, "0.1.2.3": true,
		"100.64.0.1": true, "100.127.255.255": true,
		"::": true, "::1": true, "fe80::1": true, "febf::1": true, "fec0::1": true, "fc00::1": true, "fdff::1": true,
		"::ffff:192.168.1.1": true, "::ffff:100.64.0.1": true, "::ffff:127.0.0.1": true, "::192.168.1.1": true, "::127.0.0.1": true,
		"64:ff9b::10.0.0.1": true, "64:ff9b::127.0.0.1": true, "64:ff9b:1::192.168.0.1": true,

		"9.9.9.9": false, "11.0.0.1": false, "172.15.255.255": false, "172.32.0.1": false, "192.167.1.1": false, "126.0.0.1": false,
		"128.0.0.1": false, "169.253.1.1": false, "100.63.255.255": false, "100.128.0.0": false, "1.0.0.0": false,
		"2620:fe::fe": false, "fbff::1": false, "ff02::1": false, "::ffff:9.9.9.9": false, "64:ff9b::9.9.9.9": false, "64:ff9b:1::9.9.9.9": false,
	} {
		typ := addressTypes(addr)
		key := byte(keyIPv6Hint)
		if typ == dnswire.TypeA {
			key = keyIPv4Hint
		}
		plain := rr{"q.test", typ, packed(addr)}
		for why, msg := range map[string][]byte{
			"alone":              answer("q.test", plain),
			"behind public ones": answer("q.test", address("q.test"), rr{"q.test", dnswire.TypeAAAA, packed("2620:fe::fe")}, plain),
			"behind a CNAME":     answer("q.test", cname("q.test", "a.test"), rr{"a.test", typ, packed(addr)}),
			"a hint":             raw("q.test", dnswire.TypeHTTPS, svc(param(1, "\x02h2"), param(key, packed(addr)))),
			"a hint of SVCB":     raw("q.test", dnswire.TypeSVCB, svc(param(key, packed(addr)))),
		} {
			v := p.Rebinding(ask("q.test"), msg)
			if (v.Action == Block) != want || v.Action != None && (v.Cause != ByRebinding || v.Addr != netip.MustParseAddr(addr) || v.Reply != noData) {
				t.Errorf("%s, %s: %+v", addr, why, v)
			}
			if want && v.Reason() != "rebinding: "+netip.MustParseAddr(addr).String()+" in a public answer" {
				t.Errorf("%s, %s: %q", addr, why, v.Reason())
			}
			for name, want := range map[string]bool{"plex.direct": false, "x.plex.direct": false, "xplex.direct": want} {
				if v := p.Rebinding(ask(name), msg); (v.Action == Block) != want {
					t.Errorf("%s for %s: %+v", addr, name, v)
				}
			}
			if v := off.Rebinding(ask("q.test"), msg); v.Action != None {
				t.Errorf("turned off: %+v", v)
			}
		}
	}
	for _, name := range []dnswire.Name{"", dnswire.Root} {
		if _, err := New(Options{Rebinding: Rebinding{On: true, Allow: []dnswire.Name{name}}}); err == nil || !strings.Contains(err.Error(), "rebinding") {
			t.Errorf("exception %q: %v", name, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	v4, v6 := packed("192.0.2.1", "192.0.2.2"), packed("2001:db8::1", "2001:db8::2")
	for _, test := range []struct {
		why  string
		typ  uint16
		data string
		want []string
	}{
		{"A", dnswire.TypeA, packed("192.0.2.1"), []string{"192.0.2.1"}},
		{"a short A", dnswire.TypeA, "\xC0\x00\x02", nil},
		{"a long A", dnswire.TypeA, v4, nil},
		{"AAAA", dnswire.TypeAAAA, packed("2001:db8::1"), []string{"2001:db8::1"}},
		{"a short AAAA", dnswire.TypeAAAA, "\x20\x01", nil},
		{"another type", dnswire.TypeTXT, "\x03abc", nil},
		{"HTTPS without hints", dnswire.TypeHTTPS, svc(param(1, "\x02h2")), nil},
		{"all hints", dnswire.TypeHTTPS, svc(param(1, "\x02h2"), param(4, v4), param(5, "ech"), param(6, v6)), []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"}},
		{"SVCB", dnswire.TypeSVCB, svc(param(6, v6)), []string{"2001:db8::1", "2001:db8::2"}},
		{"hints in another order", dnswire.TypeSVCB, svc(param(6, packed("2001:db8::1")), param(4, packed("192.0.2.1"))), []string{"2001:db8::1", "192.0.2.1"}},
		{"an empty hint, then one", dnswire.TypeHTTPS, svc(param(4, ""), param(6, packed("2001:db8::1"))), []string{"2001:db8::1"}},
		{"half an address at the end", dnswire.TypeHTTPS, svc(param(4, v4+"\xC0\x00")), []string{"192.0.2.1", "192.0.2.2"}},
		{"half an address, then another hint", dnswire.TypeHTTPS, svc(param(4, "\xC0\x00"), param(6, packed("2001:db8::1"))), []string{"2001:db8::1"}},
		{"a value over the end", dnswire.TypeHTTPS, svc(param(4, v4))[:12], nil},
		{"a cut parameter", dnswire.TypeHTTPS, svc(param(4, packed("192.0.2.1")), "\x00\x06\x00"), []string{"192.0.2.1"}},
		{"no target", dnswire.TypeHTTPS, "\x00\x01", nil},
		{"nothing", dnswire.TypeHTTPS, "", nil},
		{"a target over the end", dnswire.TypeHTTPS, "\x00\x01\x09abc", nil},
	} {
		msg := raw("q.test", test.typ, test.data)
		var got []string
		for it := dnswire.NewRecords(msg); it.Next(); {
			for a := addressesOf(msg, &it.RR); ; {
				addr, ok := a.next()
				if !ok {
					break
				}
				got = append(got, addr.String())
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.why, got, test.want)
		}
	}
}
