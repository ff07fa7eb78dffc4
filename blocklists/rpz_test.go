package blocklists

import (
	"slices"
	"strings"
	"testing"
)

func TestRPZ(t *testing.T) {
	testLines(t, Source{}, []lineTest{
		{"hdamuz", "ads.example CNAME .", []string{"=ads.example$dnsrewrite=NXDOMAIN"}},
		{"hdamuz", "Ads.Example 60 IN cname .", []string{"=ads.example$dnsrewrite=NXDOMAIN"}},
		{"hdamuz", "ads.example\tIN\t1h\tCNAME\t.", []string{"=ads.example$dnsrewrite=NXDOMAIN"}},
		{"hdamuz", "*.ads.example CNAME .", []string{"|*.ads.example^$dnsrewrite=NXDOMAIN"}},
		{"hdamuz", "ads.example CNAME *.", []string{"=ads.example$dnsrewrite=NOERROR"}},
		{"hdamuz", "good.example CNAME rpz-passthru.", []string{"@@=good.example"}},
		{"hdamuz", "good.example CNAME good.example.", []string{"@@=good.example"}},
		{"hdamuz", "ads.example CNAME rpz-drop.", []string{"=ads.example$dnsrewrite=DROP"}},
		{"hdamuz", "ads.example CNAME rpz-tcp-only.", []string{skipped(whyTCPOnly)}},
		{"hdamuz", "ads.example CNAME garden.example.", []string{"=ads.example$dnsrewrite=NOERROR;CNAME;garden.example"}},
		{"hdamuz", "ads.example CNAME *.garden.example.", []string{skipped(whyGarden)}},
		{"hdamuz", "ads.example CNAME @", []string{skipped(whyRecord)}},
		{"z", "ads.example CNAME a\\.b.example.", []string{skipped(whyRecord)}},
		{"hdamuz", "ads.example A 192.0.2.1", []string{"=ads.example$dnsrewrite=192.0.2.1"}},
		{"hdamuz", "ads.example A 0.0.0.0", []string{"=ads.example$dnsrewrite=0.0.0.0"}},
		{"hdamuz", "ads.example A nowhere", []string{skipped(whyRecord)}},
		{"z", "ads.example CNAME . ; why", []string{"=ads.example$dnsrewrite=NXDOMAIN"}},
		{"z", "ads.example CNAME .;why", []string{"=ads.example$dnsrewrite=NXDOMAIN"}},
		{"z", `a.example TXT "one; (two)" three`, []string{`=a.example$dnsrewrite=NOERROR;TXT;"one; (two)" "three"`}},
		{"z", `a.example MX 10 mail.example.`, []string{"=a.example$dnsrewrite=NOERROR;MX;10 mail.example."}},

		// Several records of one owner are one rule.
		{"z", "a.example A 192.0.2.1\n          A 192.0.2.2\n\tAAAA 2001:db8::1\nb.example CNAME .",
			[]string{"=a.example$dnsrewrite=192.0.2.1,dnsrewrite=192.0.2.2,dnsrewrite=2001:db8::1", "=b.example$dnsrewrite=NXDOMAIN"}},
		{"z", "a.example A 192.0.2.1\n*.a.example A 192.0.2.1", []string{"=a.example$dnsrewrite=192.0.2.1", "|*.a.example^$dnsrewrite=192.0.2.1"}},

		// Addresses in answers.
		{"z", "32.4.3.2.1.rpz-ip CNAME .", []string{"||1.2.3.4^$dnsrewrite=NXDOMAIN"}},
		{"z", "24.0.3.2.1.rpz-ip CNAME rpz-passthru.", []string{"@@||1.2.3.0/24^"}},
		{"z", "128.57.zz.102.304.db8.2001.RPZ-IP CNAME .", []string{"||2001:db8:304:102::57^$dnsrewrite=NXDOMAIN"}},
		{"z", "48.zz.1.db8.2001.rpz-ip A 192.0.2.1", []string{"||2001:db8:1::/48^$dnsrewrite=192.0.2.1"}},
		{"z", "128.1.zz.rpz-ip CNAME .", []string{"||::1^$dnsrewrite=NXDOMAIN"}},
		{"z", "128.8.7.6.5.4.3.2.1.rpz-ip CNAME .", []string{"||1:2:3:4:5:6:7:8^$dnsrewrite=NXDOMAIN"}},
		{"z", "33.4.3.2.1.rpz-ip CNAME .", []string{skipped(whyTriggerAddress)}},
		{"z", "32.4.3.2.rpz-ip CNAME .", []string{skipped(whyTriggerAddress)}},
		{"z", "32.1.zz.2.zz.rpz-ip CNAME .", []string{skipped(whyTriggerAddress)}},
		{"z", "x.rpz-ip CNAME .", []string{skipped(whyTriggerAddress)}},
		{"z", "rpz-ip CNAME .", []string{skipped(whyTrigger)}},
		{"z", "32.4.3.2.1.rpz-client-ip CNAME .", []string{skipped(whyTrigger)}},
		{"z", "32.4.3.2.1.rpz-nsip CNAME .", []string{skipped(whyTrigger)}},
		{"z", "ns.example.rpz-nsdname CNAME .", []string{skipped(whyTrigger)}},

		{"z", "com CNAME .", []string{skipped(whyWide)}},
		{"z", "*.com CNAME .", []string{skipped(whyWide)}},
		{"z", "* CNAME .", []string{skipped(whyWide)}},
		{"z", "com CNAME rpz-passthru.", []string{"@@=com"}},
		{"z", "ads.*.example CNAME .", []string{skipped(whyPattern)}},
		{"z", "ads.example", []string{skipped(whyRecord)}},
		{"z", "ads.example CNAME", []string{skipped(whyRecord)}},
		{"z", "ads.example CH TXT x", []string{skipped(whyRecord)}},
		{"z", "ads.example ANY x", []string{skipped(whyRecord)}},
		{"z", " CNAME .", []string{skipped(whyRecord)}},
		{"z", "# head\n! head\n; head\n\n \t\n ; tail", nil},
		{"z", "a.example TXT \"open\nb.example CNAME .", []string{skipped(whyParenthesis), "=b.example$dnsrewrite=NXDOMAIN"}},
		{"z", "a.example TXT ) x\nb.example CNAME .", []string{skipped(whyParenthesis), "=b.example$dnsrewrite=NXDOMAIN"}},
		{"z", "a.example TXT ( x", []string{skipped(whyParenthesis)}},
		{"z", "ads\x00.example CNAME .", []string{skipped(whyControl)}},
	})
}

func TestRPZZone(t *testing.T) {
	const soa = "SOA localhost. root.localhost. (\n\t2024010100 ; serial\n\t6h 1h 1w\n\t2h ) ; end\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"no origin": {
			"$TTL 300\n@ " + soa + "  NS localhost.\nads.example CNAME .\n",
			[]string{"=ads.example$dnsrewrite=NXDOMAIN"},
		},
		"origin": {
			"\uFEFF$ORIGIN RPZ.test.\r\n$TTL 1h\r\n@ IN " + soa + "@ IN NS localhost.\r\nads.example CNAME .\r\n*.ads.example.rpz.TEST. CNAME .\r\nads.example. CNAME .\r\n",
			[]string{"=ads.example$dnsrewrite=NXDOMAIN", "|*.ads.example^$dnsrewrite=NXDOMAIN", skipped(whyZone)},
		},
		"absolute names": {
			"rpz.test. 60 IN " + soa + "rpz.test. NS localhost.\nads.example.rpz.test. CNAME .\nb.example CNAME garden\nxrpz.test. CNAME .\n",
			[]string{"=ads.example$dnsrewrite=NXDOMAIN", "=b.example$dnsrewrite=NOERROR;CNAME;garden.rpz.test", skipped(whyZone)},
		},
		"origin of the root": {
			"$ORIGIN .\nrpz.test " + soa + "ads.example.rpz.test CNAME .\n$ORIGIN example.rpz.test.\nb CNAME .\n@ CNAME *.\n",
			[]string{"=ads.example$dnsrewrite=NXDOMAIN", "=b.example$dnsrewrite=NXDOMAIN", skipped(whyWide)},
		},
		"relative origin": {
			"$ORIGIN rpz.test.\n@ " + soa + "$ORIGIN example\nads CNAME .\n32.4.3.2.1.rpz-ip.rpz.test. CNAME .\n",
			[]string{"=ads.example$dnsrewrite=NXDOMAIN", "||1.2.3.4^$dnsrewrite=NXDOMAIN"},
		},
		"parentheses": {
			"a.example TXT ( \"one\"\n  \"two\" ) ; why\nb.example CNAME (\n.)\n",
			[]string{`=a.example$dnsrewrite=NOERROR;TXT;"one" "two"`, "=b.example$dnsrewrite=NXDOMAIN"},
		},
		"directives": {
			"$INCLUDE more.zone\n$GENERATE 1-9 a$ CNAME .\n$ORIGIN\n$ORIGIN a..b.\nads.example CNAME .\n",
			[]string{skipped(whyDirective), skipped(whyDirective), skipped(whyDirective), skipped(whyName), "=ads.example$dnsrewrite=NXDOMAIN"},
		},
		"endless parentheses": {
			"a.example TXT (" + strings.Repeat("\n"+strings.Repeat("x", 1000), 70),
			nil,
		},
	} {
		got := read(Source{}, RPZ, test.text)
		if test.want == nil {
			if len(got.got) == 0 || got.got[0] != skipped(whyLine) {
				t.Errorf("%s: %.200q", name, got.got)
			}
			continue
		}
		if !slices.Equal(got.got, test.want) {
			t.Errorf("%s: %q, want %q", name, got.got, test.want)
		}
	}
}

// A rule of several lines is at the first of them.
func TestRPZLines(t *testing.T) {
	got := read(Source{}, RPZ, "a.example A 192.0.2.1\n  A 192.0.2.2\nb.example TXT (\nx )\nc.example CNAME .")
	var lines []int
	for _, r := range got.rules {
		lines = append(lines, r.Line)
	}
	if !slices.Equal(lines, []int{1, 3, 5}) {
		t.Errorf("lines %v of %v", lines, got.got)
	}
}
