package blocklists

import "testing"

func TestUnbound(t *testing.T) {
	testLines(t, Source{}, []lineTest{
		{"hdamu", `local-zone: "ads.example." always_null`, []string{"||ads.example^"}},
		{"hdamu", `  local-zone:	'Ads.Example' "always_nxdomain"  # why`, []string{"||ads.example^"}},
		{"hdamu", `local-zone:"ads.example" always_nodata`, []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example always_refuse", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example always_deny", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example static", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example deny", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example refuse", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example redirect", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example inform_deny", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example inform_redirect", []string{"||ads.example^"}},
		{"hdamu", "local-zone: ads.example block_a", []string{"||ads.example^$dnstype=A"}},
		{"hdamu", "local-zone: good.example always_transparent", []string{"@@||good.example^"}},
		{"hdamu", "local-zone: ads.example transparent", []string{skipped(whyZoneType)}},
		{"hdamu", "local-zone: ads.example typetransparent", []string{skipped(whyZoneType)}},
		{"hdamu", "local-zone: ads.example nodefault", []string{skipped(whyZoneType)}},
		{"hdamu", "local-zone: ads.example inform", []string{skipped(whyZoneType)}},
		{"hdamu", "local-zone: ads.example noview", []string{skipped(whyZoneType)}},
		{"hdamu", "local-zone: ads.example sometimes", []string{skipped(whyValue)}},
		{"hdamu", "local-zone: ads.example", []string{skipped(whyValue)}},
		{"hdamu", "local-zone: ads.example static extra", []string{skipped(whyValue)}},
		{"hdamu", `local-zone: "ads.example static`, []string{skipped(whyValue)}},
		{"hdamu", "local-zone: com. static", []string{skipped(whyWide)}},
		{"hdamu", "local-zone: . refuse", []string{skipped(whyWide)}},
		{"hdamu", "local-zone: ads,example static", []string{skipped(whyName)}},

		{"hdamu", `local-data: "ads.example. 60 IN A 0.0.0.0"`, []string{"=ads.example"}},
		{"hdamu", `local-data: 'ads.example IN 60 AAAA ::'`, []string{"=ads.example"}},
		{"hdamu", `local-data: "ads.example A 127.0.0.1" # why`, []string{"=ads.example"}},
		{"hdamu", `local-data: "a.example A 192.0.2.1"`, []string{"=a.example$dnsrewrite=192.0.2.1"}},
		{"hdamu", `local-data: "a.example 1h MX 10 mail.example"`, []string{"=a.example$dnsrewrite=NOERROR;MX;10 mail.example."}},
		{"hdamu", `local-data: 'a.example TXT "one two"'`, []string{`=a.example$dnsrewrite=NOERROR;TXT;"one two"`}},
		{"hdamu", `local-data: "a.example CNAME b.example."`, []string{"=a.example$dnsrewrite=NOERROR;CNAME;b.example"}},
		{"hdamu", `local-data: "a.example SOA a. b. 1 2 3 4 5"`, nil},
		{"hdamu", `local-data: "a.example A nowhere"`, []string{skipped(whyRecord)}},
		{"hdamu", `local-data: "a.example"`, []string{skipped(whyRecord)}},
		{"hdamu", `local-data: ""`, []string{skipped(whyRecord)}},
		{"hdamu", `local-data: "com A 192.0.2.1"`, []string{skipped(whyWide)}},
		{"hdamu", `local-data: "a.example CNAME ."`, []string{skipped(whyRecord)}},
		{"hdamu", `local-data-ptr: "192.0.2.1 a.example"`, []string{skipped(whyOption)}},

		{"hdamu", "server:", nil},
		{"hdamu", "server: # why", nil},
		{"hdamu", "verbosity: 1", []string{skipped(whyOption)}},
		{"hdamu", `include: "more.conf"`, []string{skipped(whyOption)}},
		{"hdamu", "view:\nname: kids\nlocal-zone: a.example static\nserver:\nlocal-zone: b.example static", []string{skipped(whyOption), skipped(whyOption), "||b.example^"}},
		{"hdamu", "forward-zone:\n  name: .\n  forward-addr: 9.9.9.9", []string{skipped(whyOption), skipped(whyOption)}},
		{"u", "ads.example", []string{"||ads.example^"}},
	})
}

// What the data of a zone does to it depends on the type of the zone.
func TestUnboundZoneData(t *testing.T) {
	testLines(t, Source{}, []lineTest{
		// The data of a redirect zone answers for all that is under it.
		{"du", "local-zone: a.example redirect\nlocal-data: 'a.example A 0.0.0.0'\nlocal-data: 'a.example AAAA ::'", []string{"||a.example^"}},
		{"du", "local-zone: a.example redirect\nlocal-data: 'a.example A 192.0.2.1'\nlocal-data: 'a.example AAAA 2001:db8::1'\nlocal-zone: b.example redirect",
			[]string{"||a.example^$dnsrewrite=192.0.2.1,dnsrewrite=2001:db8::1", "||b.example^"}},
		{"du", "local-zone: a.example redirect\nlocal-data: 'a.example CNAME safe.example'", []string{"||a.example^$dnsrewrite=NOERROR;CNAME;safe.example"}},
		{"du", "local-zone: a.example redirect\nlocal-data: 'a.example CNAME b.example'\nlocal-data: 'a.example A 192.0.2.1'",
			[]string{skipped(whyRecord), "||a.example^$dnsrewrite=NOERROR;CNAME;b.example"}},

		// A static zone answers at its own name and blocks what is under it.
		{"du", "local-zone: a.example static\nlocal-data: 'a.example A 192.0.2.1'", []string{"=a.example$dnsrewrite=192.0.2.1", "|*.a.example^"}},
		{"du", "local-zone: a.example static\nlocal-data: 'www.a.example A 192.0.2.1'", []string{"||a.example^", "=www.a.example$dnsrewrite=192.0.2.1"}},
		{"du", "local-zone: a.example deny\nlocal-data: 'a.example A 0.0.0.0'", []string{"||a.example^"}},

		// A zone of most of the always types has no data.
		{"du", "local-zone: a.example always_nxdomain\nlocal-data: 'www.a.example A 192.0.2.1'\nlocal-data: 'a.example A 0.0.0.0'\nlocal-data: 'ba.example A 0.0.0.0'",
			[]string{"||a.example^", skipped(whyShadowed), "=ba.example"}},
		{"du", "local-zone: a.example always_null\nlocal-data: 'a.example A 0.0.0.0'\nlocal-data: 'www.a.example A 192.0.2.1'", []string{"||a.example^", "=www.a.example$dnsrewrite=192.0.2.1"}},

		// A zone within it may have some.
		{"du", "local-zone: a.example always_nxdomain\nlocal-zone: b.a.example redirect\nlocal-data: 'b.a.example A 192.0.2.1'\nlocal-zone: c.a.example static\nlocal-data: 'www.c.a.example A 192.0.2.1'",
			[]string{"||a.example^", "||b.a.example^$dnsrewrite=192.0.2.1", "||c.a.example^", "=www.c.a.example$dnsrewrite=192.0.2.1"}},
	})
	testLines(t, Source{Action: Allow}, []lineTest{
		{"du", "local-zone: a.example redirect\nlocal-data: 'a.example A 192.0.2.1'", []string{skipped(whyAllowReply), "@@||a.example^"}},
	})
}
