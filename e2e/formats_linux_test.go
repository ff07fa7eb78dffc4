package e2e

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// formats are lists of every format, by the name of the list, with what becomes
// of questions for names in them. None of the names is in the upstream's zone but
// those that are said to be answered.
var formats = map[string]struct {
	text      string
	questions []expected
}{
	"hosts": {"\ufeff# a hosts file with a byte order mark\r\n127.0.0.1 localhost\r\n::1 ip6-localhost\r\n" +
		"0.0.0.0\ta.hosts.example b.hosts.example # trailing\r\n:: c.hosts.example\r\n",
		[]expected{
			{"a.hosts.example", "NOERROR", null, "15 (Blocked): (hosts:4 =a.hosts.example)"},
			{"b.hosts.example AAAA", "NOERROR", []string{"::"}, "hosts:4 =b.hosts.example"},
			{"c.hosts.example", "NOERROR", null, "hosts:5 =c.hosts.example"},
			{"x.a.hosts.example", "NXDOMAIN", nil, ""},
		}},
	"domains": {"# one name a line\na.domains.example\n*.b.domains.example\n=c.domains.example\nbücher.domains.example\n203.0.113.0/24\n",
		[]expected{
			{"x.a.domains.example", "NOERROR", null, "domains:2 ||a.domains.example^"},
			{"b.domains.example", "NOERROR", null, "domains:3 "},
			{"c.domains.example", "NOERROR", null, "domains:4 =c.domains.example"},
			{"x.c.domains.example", "NXDOMAIN", nil, ""},
			{"xn--bcher-kva.domains.example", "NOERROR", null, "domains:5 "},
			{"listed.example", "NOERROR", null, "domains:6 ||203.0.113.0/24^ for 203.0.113.9"},
		}},
	"wide": {inUTF16("a.wide.example\r\nb.wide.example\r\n"), []expected{
		{"a.wide.example", "NOERROR", null, "wide:1 ||a.wide.example^"},
		{"x.b.wide.example", "NOERROR", null, "wide:2 ||b.wide.example^"},
	}},
	"adblock": {`[Adblock Plus 2.0]
! Title: every kind of rule
||deep.adblock.example^
@@||good.deep.adblock.example^
||strong.adblock.example^$important
@@||strong.adblock.example^
|exact.adblock.example^
/^stat[0-9]+\.adblock\./
||ads-*.adblock.example^
||typed.adblock.example^$dnstype=AAAA
||deny.adblock.example^$denyallow=free.deny.adblock.example
||client.adblock.example^$client=198.51.100.10
||address.adblock.example^$dnsrewrite=NOERROR;A;198.51.100.77
||alias.adblock.example^$dnsrewrite=www.example
||gone.adblock.example^$dnsrewrite=NXDOMAIN
||lifted.adblock.example^
||lifted.adblock.example^$badfilter
||half.adblock.example^$unheard-of
example.com##.banner
`, []expected{
		{"x.deep.adblock.example", "NOERROR", null, "adblock:3 ||deep.adblock.example^"},
		{"good.deep.adblock.example", "NXDOMAIN", nil, ""},
		{"strong.adblock.example", "NOERROR", null, "adblock:5 ||strong.adblock.example^$important"},
		{"exact.adblock.example", "NOERROR", null, "adblock:7 "},
		{"x.exact.adblock.example", "NXDOMAIN", nil, ""},
		{"stat17.adblock.example", "NOERROR", null, `adblock:8 /^stat[0-9]+\.adblock\./`},
		{"stat.adblock.example", "NXDOMAIN", nil, ""},
		{"ads-7.adblock.example", "NOERROR", null, "adblock:9 ||ads-*.adblock.example^"},
		{"typed.adblock.example", "NXDOMAIN", nil, ""},
		{"typed.adblock.example AAAA", "NOERROR", []string{"::"}, "adblock:10 ||typed.adblock.example^$dnstype=AAAA"},
		{"deny.adblock.example", "NOERROR", null, "adblock:11 "},
		{"x.free.deny.adblock.example", "NXDOMAIN", nil, ""},
		{"client.adblock.example", "NXDOMAIN", nil, ""},
		{"-b 198.51.100.10 client.adblock.example", "NOERROR", null, "adblock:12 "},
		{"address.adblock.example", "NOERROR", []string{"198.51.100.77"}, "4 (Forged Answer): (adblock:13 "},
		{"address.adblock.example AAAA", "NOERROR", nil, "adblock:13 "},
		{"alias.adblock.example", "NOERROR", []string{"www.example.", "198.51.100.80"}, "adblock:14 "},
		{"gone.adblock.example", "NXDOMAIN", nil, "15 (Blocked): (adblock:15 "},
		{"lifted.adblock.example", "NXDOMAIN", nil, ""},
		{"half.adblock.example", "NXDOMAIN", nil, ""},
	}},
	"dnsmasq": {`# dnsmasq.conf
address=/a.dnsmasq.example/b.dnsmasq.example/
address=/null.dnsmasq.example/0.0.0.0
address=/own.dnsmasq.example/198.51.100.78
server=/s.dnsmasq.example/
local=/l.dnsmasq.example/
server=/free.s.dnsmasq.example/#
`, []expected{
		{"a.dnsmasq.example", "NOERROR", null, "dnsmasq:2 ||a.dnsmasq.example^"},
		{"x.b.dnsmasq.example", "NOERROR", null, "dnsmasq:2 ||b.dnsmasq.example^"},
		{"null.dnsmasq.example", "NOERROR", null, "dnsmasq:3 "},
		{"x.own.dnsmasq.example", "NOERROR", []string{"198.51.100.78"}, "4 (Forged Answer): (dnsmasq:4 "},
		{"s.dnsmasq.example", "NOERROR", null, "dnsmasq:5 "},
		{"l.dnsmasq.example", "NOERROR", null, "dnsmasq:6 "},
		{"x.free.s.dnsmasq.example", "NXDOMAIN", nil, ""},
	}},
	"unbound": {`server:
	local-zone: "null.unbound.example" always_null
	local-zone: "gone.unbound.example." always_nxdomain
	local-zone: "free.null.unbound.example" always_transparent
	local-data: "own.unbound.example. 60 IN A 198.51.100.79"
`, []expected{
		{"x.null.unbound.example", "NOERROR", null, "unbound:2 ||null.unbound.example^"},
		{"gone.unbound.example", "NOERROR", null, "unbound:3 "}, // in the client group's way
		{"free.null.unbound.example", "NXDOMAIN", nil, ""},
		{"own.unbound.example", "NOERROR", []string{"198.51.100.79"}, "4 (Forged Answer): (unbound:5 "},
	}},
	"rpz": {`$TTL 60
$ORIGIN rpz.local.
@ SOA localhost. root.localhost. 1 3600 600 86400 60
@ NS localhost.
gone.rpz.example CNAME .
nodata.rpz.example CNAME *.
*.under.rpz.example CNAME .
good.under.rpz.example CNAME rpz-passthru.
drop.rpz.example CNAME rpz-drop.
own.rpz.example A 198.51.100.76
own.rpz.example TXT "from the zone"
alias.rpz.example CNAME www.example.
32.90.100.51.198.rpz-ip CNAME .
`, []expected{
		{"gone.rpz.example", "NXDOMAIN", nil, "15 (Blocked): (rpz:5 "},
		{"x.gone.rpz.example", "NXDOMAIN", nil, ""},
		{"nodata.rpz.example", "NOERROR", nil, "rpz:6 "},
		{"x.y.under.rpz.example", "NXDOMAIN", nil, "rpz:7 "},
		{"under.rpz.example", "NXDOMAIN", nil, ""},
		{"good.under.rpz.example", "NXDOMAIN", nil, ""},
		{"+time=1 drop.rpz.example", "", nil, ""},
		{"+time=1 +tcp drop.rpz.example", "", nil, ""},
		{"own.rpz.example", "NOERROR", []string{"198.51.100.76"}, "4 (Forged Answer): (rpz:10 "},
		{"own.rpz.example TXT", "NOERROR", []string{`"from the zone"`}, "rpz:"},
		{"alias.rpz.example", "NOERROR", []string{"www.example.", "198.51.100.80"}, "rpz:12 "},
		{"metrics.tracker.example", "NXDOMAIN", nil, "rpz:13 "},
	}},
}

// null is the data of a blocked name.
var null = []string{"0.0.0.0"}

// inUTF16 is text as some editors save it.
func inUTF16(text string) string {
	b := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// TestFormats has a list of each format, which nobody names, block, allow and
// rewrite.
func TestFormats(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.ip("address add 198.51.100.10/32 dev lo")
	text, files := upstream(udp(l.far4)), make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		text += fmt.Sprintf("[[list]]\nname = %[1]q\npath = \"%[1]s.txt\"\n", name)
		files[name+".txt"] = formats[name].text
	}
	config := configuration(t, text, files)
	h.up(config)
	for _, f := range formats {
		h.expect(f.questions...)
	}

	checked := h.run(tundns, "check", "--config", config)
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		format := strings.Replace(name, "wide", "domains", 1)
		if !strings.Contains(checked, name+".txt, "+format+" format)") {
			t.Errorf("check does not take %s.txt for %s:\n%s", name, format, checked)
		}
	}
	if !strings.Contains(checked, "adblock.txt:18: skipped: ") {
		t.Errorf("check does not report the modifier that is not known:\n%s", checked)
	}
	m := h.metrics()
	for _, outcome := range []string{"blocked", "rewritten", "dropped"} {
		if m.sum("tundns_responses_total", fmt.Sprintf("outcome=%q", outcome)) == 0 {
			t.Errorf("the metrics count no response with outcome %s", outcome)
		}
	}
}
