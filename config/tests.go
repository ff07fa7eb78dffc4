package config

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tests decodes [[test]].
func (d *decoder) tests(n *node) {
	seen := map[Test]bool{}
	for _, t := range d.tables(n) {
		test := d.test(t)
		if test.Name == "" {
			continue // reported
		}
		question := test
		question.Expect = ""
		if seen[question] {
			d.fail(t.at, "there is a test of %s with the same type and client already; remove one of them", quote(test.Name))
		}
		seen[question] = true
		test.At = d.lines.position(t.at)
		d.conf.Tests = append(d.conf.Tests, test)
	}
}

// test decodes one test, but for its place.
func (d *decoder) test(t *node) Test {
	test := Test{Type: dns.TypeA}
	named, expects := false, false
	d.table(t, "a test",
		field{"name", func(n *node) {
			named = true
			text, ok := d.str(n, "a name")
			if !ok {
				return
			}
			if test.Name, ok = parseName(text); !ok {
				d.fail(n.at, `name %s is not a domain name, like "ads.example.com"`, quote(text))
			}
		}},
		field{"type", func(n *node) {
			text, ok := d.str(n, `a DNS type, like "A",`)
			if !ok {
				return
			}
			typ, why := parseType(text)
			if why != "" {
				d.fail(n.at, "type %s %s", quote(text), why)
				return
			}
			test.Type = typ
		}},
		field{"client", func(n *node) { test.Client = d.client(n) }},
		field{"expect", func(n *node) {
			expects = true
			test.Expect, _ = d.choice(n, []string{ExpectBlocked, ExpectAllowed, ExpectRewritten})
		}},
	)
	if t.kind == unstable.Table && !named {
		d.fail(t.at, `this test has no name; add: name = "ads.example.com"`)
	}
	if t.kind == unstable.Table && !expects {
		d.fail(t.at, `this test has no expect; add: expect = "blocked", "allowed" or "rewritten"`)
	}
	return test
}

// client returns the address of a test's client.
func (d *decoder) client(n *node) netip.Addr {
	text, ok := d.str(n, "an address")
	if !ok {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	switch why := unusable(a); {
	case err != nil || a.Zone() != "":
		d.fail(n.at, "client %s is not an address, like 10.0.0.7 or fd00::7; leave client out for one of group %q", quote(text), defaultGroup)
	case why != "":
		d.fail(n.at, "client %s %s", a, why)
	default:
		return a
	}
	return netip.Addr{}
}

// parseType parses the name of a DNS type in any letter case, or TYPE and its number (RFC
// 3597 section 5). why says why it is none that can be asked for, "" if it is one.
func parseType(text string) (typ uint16, why string) {
	upper := strings.ToUpper(text)
	typ, known := dns.StringToType[upper]
	if number, ok := strings.CutPrefix(upper, "TYPE"); ok && !known {
		v, err := strconv.ParseUint(number, 10, 16)
		typ, known = uint16(v), err == nil
	}
	switch {
	case !known:
		return 0, `is not known; use a name like "AAAA", "HTTPS" or "ANY", or "TYPE" and a number`
	case typ == dns.TypeNone || typ == dns.TypeReserved || typ == dns.TypeOPT || typ == dns.TypeTSIG || typ == dns.TypeTKEY:
		return 0, "is never asked for"
	}
	return typ, ""
}
