package config

import (
	"strings"
	"testing"
)

func TestPolicyErrors(t *testing.T) {
	const (
		list  = "[[list]]\nname = \"ads\"\npath = \"a\"\n" // three lines
		group = "[[group]]\nname = \"default\"\n"          // two lines
		all   = group + "[[group.schedule]]\nblock = \"everything\"\n"
		test  = "[[test]]\nname = \"a.example\"\nexpect = \"blocked\"\n"
	)
	from := func(url string) string { return "list = [{name = 'a', url = '" + url + "'}]" } // the URL is at 1:28
	for _, tt := range []struct {
		text string
		want []string
	}{
		// state, dns.
		{"state = 1", []string{`1:9: state must be a path in quotes, not a number`}},
		{"[dns]\ncanaries = \"yes\"\nrebinding_protection = 1\nrebinding_allow = \"a\"", []string{
			`2:12: canaries must be true or false, not a string`,
			`3:24: rebinding_protection must be true or false, not a number`,
			`4:19: rebinding_allow must be a list of domains in square brackets, not a string`}},
		{"[dns]\nrebinding_allow = [\"plex.direct\"]", []string{`2:19: rebinding_allow is of no use without rebinding_protection = true; add that, or remove it`}},
		{"[dns]\nrebinding_protection = true\nrebinding_allow = [\"*.a.example\", \"10.0.0.0/8\", \"\", \".\", \"a.example\", \"A.Example.\", 5]", []string{
			`3:20: domain "*.a.example" must be written "a.example", which stands for the names under it as well`,
			`3:35: domain "10.0.0.0/8" is not a domain, like "corp.example"`,
			`3:49: domain "" is not a domain, like "corp.example"`,
			`3:53: domain "." is not a domain, like "corp.example"`,
			`3:71: domain "a.example" is given twice`,
			`3:85: each item of rebinding_allow must be a domain in quotes, not a number`}},

		// local.
		{"[[local]]", []string{`1:3: local is one table; write [local] once, in single brackets`}},
		{"[local]\nrecord = []", []string{`2:1: unknown key "record" in [local]; did you mean "records"?`}},
		{"[local]\nrecords = \"a A 192.0.2.1\"\nhosts = \"/etc/hosts\"", []string{
			`2:11: records must be a list of records in square brackets, not a string`,
			`3:9: hosts must be a list of paths in square brackets, not a string`}},
		{"[local]\nrecords = [1, \"\", \" \\t\", \"a A\\n192.0.2.1\", \"a\\u0000\", \"; a\", \" # a\", \"$ORIGIN a.\"]", []string{
			`2:12: each item of records must be a record, like "nas.home.arpa A 192.168.1.5", in quotes, not a number`,
			`2:15: an item of records is empty; remove it`,
			`2:19: an item of records is empty; remove it`,
			`2:26: "a A\n192.0.2.1" has a line break or another control character in it; each item of records is one line`,
			`2:44: "a\x00" has a line break or another control character in it; each item of records is one line`,
			`2:55: "; a" is a comment, not a record; write it outside of the quotes`,
			`2:62: " # a" is a comment, not a record; write it outside of the quotes`,
			`2:70: "$ORIGIN a." is a directive, which is for whole zone files; write the record with its full name`}},
		{"[local]\nhosts = [1, \"\", \"a\", \"./a\", \"a\\u0000\", []]", []string{
			`2:9: each item of hosts must be a path in quotes, not a list`,
			`2:10: each item of hosts must be a path in quotes, not a number`,
			`2:13: an item of hosts is empty; name a file, like "/etc/hosts", or remove it`,
			`2:22: hosts file "a" is given twice`,
			`2:29: hosts has a NUL byte in it`}},

		// list.
		{list + "url = \"https://lists.example/a\"", []string{`4:7: a list has a path or a url, not both; remove one of them`}},
		{list + "refresh = \"24h\"", []string{`4:11: refresh is for a list that has a url; one that has a path is read again whenever it changes; remove refresh`}},
		{list + "subdomains = true\nformat = \"rpz\"", []string{`4:14: subdomains is for bare names, and a list of format "rpz" has none; remove it`}},
		{list + "format = \"dnsmaq\"", []string{`4:10: format "dnsmaq" is not known; use "auto", "hosts", "domains", "adblock", "dnsmasq", "unbound" or "rpz"`}},
		{"[[list]]\nname = \"a\"\nurl = \"https://lists.example/a\"\nrefresh = \"9m\"", []string{`4:11: refresh "9m" is out of range; it is "10m" to "720h"`}},
		{"[[list]]\nname = \"a\"\nurl = \"https://lists.example/a\"\nrefresh = \"721h\"", []string{`4:11: refresh "721h" is out of range; it is "10m" to "720h"`}},
		{"[[list]]\nname = \"a\"\nurl = \"https://lists.example/a\"\nrefresh = \"daily\"", []string{`4:11: refresh "daily" is not a duration; write one with h, m or s, like "24h" or "90s"`}},
		{from("http://lists.example/a"), []string{`1:28: url "http://lists.example/a" must begin with https://, so that nobody on the way can change the list`}},
		{from("file:///a"), []string{`1:28: url "file:///a" does not begin with https://; the file of a list is its path`}},
		{from("lists/a.txt"), []string{`1:28: url "lists/a.txt" does not begin with https://; the file of a list is its path`}},
		{from("ftp://lists.example/a"), []string{`1:28: url "ftp://lists.example/a" has a scheme that lists are not fetched by; use https, like https://lists.example/ads.txt`}},
		{from("https://"), []string{`1:28: url "https://" has no host; write one like https://lists.example/ads.txt`}},
		{from("https:lists.example"), []string{`1:28: url "https:lists.example" has no host; write one like https://lists.example/ads.txt`}},
		{from("https://lists.example:443:443/"), []string{`1:28: url "https://lists.example:443:443/" is not a URL, like https://lists.example/ads.txt`}},
		{from("https://[::1/"), []string{`1:28: url "https://[::1/" is not a URL, like https://lists.example/ads.txt`}},
		{from("https://me:secret@lists.example/a"), []string{`1:28: url "https://me:secret@lists.example/a" has a user name in it, which would show in logs; use a URL without`}},
		{from("https://lists.example:0/a"), []string{`1:28: url "https://lists.example:0/a" has a port that is not 1 to 65535`}},
		{from("https://lists.example:/a"), []string{`1:28: url "https://lists.example:/a" has a port that is not 1 to 65535`}},
		{from("https://lists.example/a#b"), []string{`1:28: url "https://lists.example/a#b" has a fragment (#), which is never sent to a server; remove it`}},
		{from("https://lists.example/a#"), []string{`1:28: url "https://lists.example/a#" has a fragment (#), which is never sent to a server; remove it`}},
		{from("https://0.0.0.0/a"), []string{`1:28: url "https://0.0.0.0/a" names a host that is the unspecified address`}},
		{from("https://192.0.2.300/a"), []string{`1:28: url "https://192.0.2.300/a" has a host that is neither an address nor a name`}},
		{from("https://10.30.30.30/a"), []string{`1:28: 10.30.30.30 is a virtual address, where no lists are; tundns would ask itself for list "a"`}},

		// group.
		{group + "rules = \"||a^\"\nsafe_search = \"google\"\nblocked_types = \"A\"\nschedule = 1", []string{
			`3:9: rules must be a list of rules in square brackets, not a string`,
			`4:15: safe_search must be true, false or a list of services, like ["google", "bing"], not a string`,
			`5:17: blocked_types must be a list of DNS types in square brackets, not a string`,
			`6:12: schedule is a list of tables; write [[group.schedule]], in double brackets`}},
		{group + "rules = [1, \"! a\", \"##.ad\", \"||a^\\r\\n||b^\", \"\"]", []string{
			`3:10: each item of rules must be a rule, like "||games.example^", in quotes, not a number`,
			`3:13: "! a" is a comment, not a rule; write it outside of the quotes`,
			`3:20: "##.ad" is a comment, not a rule; write it outside of the quotes`,
			`3:29: "||a^\r\n||b^" has a line break or another control character in it; each item of rules is one line`,
			`3:45: an item of rules is empty; remove it`}},
		{group + "safe_search = [1, \"yahoo\", \"bing\", \"bing\", \"youtube\", \"youtube-moderate\"]", []string{
			`3:16: safe_search must be "google", "bing", "duckduckgo", "youtube" or "youtube-moderate" in quotes, not a number`,
			`3:19: safe_search "yahoo" is not known; use "google", "bing", "duckduckgo", "youtube" or "youtube-moderate"`,
			`3:36: "bing" is given twice`,
			`3:55: "youtube" and "youtube-moderate" exclude each other; remove one of them`}},
		{group + "safe_search = [\"youtube-moderate\", \"youtube\"]", []string{`3:36: "youtube" and "youtube-moderate" exclude each other; remove one of them`}},
		{group + "blocked_types = [1, \"HTTP\", \"TYPE65536\", \"TYPE\", \"TYPE0\", \"OPT\", \"none\", \"HTTPS\", \"type65\"]", []string{
			`3:18: each item of blocked_types must be a DNS type in quotes, not a number`,
			`3:21: type "HTTP" is not known; use a name like "AAAA", "HTTPS" or "ANY", or "TYPE" and a number`,
			`3:29: type "TYPE65536" is not known; use a name like "AAAA", "HTTPS" or "ANY", or "TYPE" and a number`,
			`3:42: type "TYPE" is not known; use a name like "AAAA", "HTTPS" or "ANY", or "TYPE" and a number`,
			`3:50: type "TYPE0" is never asked for`,
			`3:59: type "OPT" is never asked for`,
			`3:66: type "none" is not known; use a name like "AAAA", "HTTPS" or "ANY", or "TYPE" and a number`,
			`3:83: type "type65" is given twice`}},

		// group.schedule.
		{group + "[group.schedule]\nblock = \"nothing\"", []string{`3:8: schedule is a list of tables; write [[group.schedule]], in double brackets`}},
		{group + "schedule = [5]", []string{`3:13: schedule must be a table, not a number`}},
		{group + "[[group.schedule]]\ndays = [\"mon\"]", []string{`3:9: this schedule says neither lists nor block; add: block = "everything", block = "nothing", or lists with the names of some`}},
		{list + group + "[[group.schedule]]\nlists = [\"ads\"]\nblock = \"nothing\"", []string{`8:9: a schedule has lists or block, not both; remove one of them, or write two schedules`}},
		{group + "[[group.schedule]]\nlists = []", []string{`4:9: lists is empty, so this schedule changes nothing; name a list`}},
		{list + group + "[[group.schedule]]\nlists = [\"add\"]", []string{`7:10: there is no list "add"; did you mean "ads"?`}},
		{list + group + "schedule = [{ lists = [\"ads\"] }]\nlists = [\"ads\"]", []string{`6:24: list "ads" is one of the group's lists, which hold at all times; remove it there or here`}},
		{all + "block_with = \"null\"", []string{`5:1: unknown key "block_with" in a schedule; the keys are days, from, to, time_zone, lists, block`}},
		{group + "[[group.schedule]]\nblock = \"all\"", []string{`4:9: block "all" is not known; use "everything" or "nothing"`}},
		{all + "days = \"mon\"", []string{`5:8: days must be a list of days in square brackets, not a string`}},
		{all + "days = []", []string{`5:8: days is empty, so this schedule is never used; name a day, or leave days out for all of them`}},
		{all + "days = [1, \"Mon\", \"mon-\", \"-\", \"fri-mon-tue\", \"fri-mon\", \"sun\", \"thu-fri\"]", []string{
			`5:9: each item of days must be a day in quotes, not a number`,
			`5:12: day "Mon" is not known; write mon, tue, wed, thu, fri, sat or sun, or a range, like "mon-fri"`,
			`5:19: day "mon-" is not known; write mon, tue, wed, thu, fri, sat or sun, or a range, like "mon-fri"`,
			`5:27: day "-" is not known; write mon, tue, wed, thu, fri, sat or sun, or a range, like "mon-fri"`,
			`5:32: day "fri-mon-tue" is not known; write mon, tue, wed, thu, fri, sat or sun, or a range, like "mon-fri"`,
			`5:58: day "sun" is given twice`,
			`5:65: day "fri" is given twice`}},
		{all + "from = 20\nto = \"8pm\"", []string{
			`5:8: from must be a time of day in quotes, not a number`,
			`6:6: to "8pm" is not a time of day; write one from "00:00" to "24:00", like "07:30"`}},
		{all + "from = 07:30:00\nto = \"24:01\"", []string{
			`5:8: from must be a time of day in quotes, not a date or time`,
			`6:6: to "24:01" is not a time of day; write one from "00:00" to "24:00", like "07:30"`}},
		{all + "from = \"24:00\"", []string{`5:8: from "24:00" is the end of the day; write "00:00" for its beginning`}},
		{all + "from = \"20:00\"\nto = \"20:00\"", []string{`6:6: from and to are the same; leave both out for the whole day`}},
		{all + "to = \"00:00\"", []string{`5:6: from and to are the same; leave both out for the whole day`}},
		{all + "time_zone = \"\"", []string{`5:13: time_zone "" is not known here; use a name of the IANA time zone database, like "Europe/Berlin", "UTC", or "Local" for the host's own`}},
		{all + "time_zone = \"../../etc/localtime\"", []string{`5:13: time_zone "../../etc/localtime" is not known here; use a name of the IANA time zone database, like "Europe/Berlin", "UTC", or "Local" for the host's own`}},
		{all + "time_zone = 2", []string{`5:13: time_zone must be a time zone in quotes, not a number`}},

		// test.
		{"[test]", []string{`1:2: test is a list of tables; write [[test]], in double brackets`}},
		{"test = [1]", []string{`1:9: test must be a table, not a number`}},
		{"[[test]]", []string{
			`1:3: this test has no name; add: name = "ads.example.com"`,
			`1:3: this test has no expect; add: expect = "blocked", "allowed" or "rewritten"`}},
		{"[[test]]\nname = 1\ntype = 1\nclient = 1\nexpect = true", []string{
			`2:8: name must be a name in quotes, not a number`,
			`3:8: type must be a DNS type, like "A", in quotes, not a number`,
			`4:10: client must be an address in quotes, not a number`,
			`5:10: expect must be "blocked", "allowed" or "rewritten" in quotes, not true or false`}},
		{"[[test]]\nname = \"*.a\"\ntype = \"OPT\"\nclient = \"10.0.0.0/8\"\nexpect = \"block\"", []string{
			`2:8: name "*.a" is not a domain name, like "ads.example.com"`,
			`3:8: type "OPT" is never asked for`,
			`4:10: client "10.0.0.0/8" is not an address, like 10.0.0.7 or fd00::7; leave client out for one of group "default"`,
			`5:10: expect "block" is not known; use "blocked", "allowed" or "rewritten"`}},
		{test + "client = \"::ffff:10.0.0.7\"", []string{`4:10: client ::ffff:10.0.0.7 is an IPv4 address in IPv6 clothes; write 10.0.0.7`}},
		{test + "client = \"fe80::1%eth0\"", []string{`4:10: client "fe80::1%eth0" is not an address, like 10.0.0.7 or fd00::7; leave client out for one of group "default"`}},
		{test + "group = \"default\"", []string{`4:1: unknown key "group" in a test; the keys are name, type, client, expect`}},
		{test + strings.Replace(test, "blocked", "allowed", 1), []string{`4:3: there is a test of "a.example" with the same type and client already; remove one of them`}},
	} {
		wantErrors(t, tt.text, tt.want)
	}
}

// What is no domain name is no test's name either.
func TestParseName(t *testing.T) {
	for text, want := range map[string]string{
		"a":                           "a",
		"Ads.Example.COM.":            "ads.example.com",
		"xn--bcher-kva.example":       "xn--bcher-kva.example",
		strings.Repeat("a", 63):       strings.Repeat("a", 63),
		strings.Repeat("a", 64):       "",
		strings.Repeat("a.", 128):     "",
		"":                            "",
		".":                           "",
		"..":                          "",
		"/":                           "",
		"//":                          "",
		"||":                          "",
		"||^":                         "",
		"@@":                          "",
		"@@||^":                       "",
		"*.":                          "",
		"*.a":                         "",
		"=":                           "",
		"=a":                          "",
		"xn--":                        "",
		"a b":                         "",
		"a\x00b":                      "",
		"\ufeffa":                     "a",
		"BÜCHER.example":              "xn--bcher-kva.example",
		"r3---sn-a.example":           "r3---sn-a.example",
		"straße.example":              "xn--strae-oqa.example",
		"a。b":                         "a.b",
		"a\\.b":                       "",
		"a\\046b":                     "",
		"a\r\n":                       "",
		"a\x00.\x00b\x00":             "",
		"192.0.2.1":                   "",
		"2001:db8::1":                 "",
		strings.Repeat("abcd.", 60):   "",
		strings.Repeat("abcdefg.", 9): strings.TrimSuffix(strings.Repeat("abcdefg.", 9), "."),
	} {
		if got, ok := parseName(text); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, ok, want)
		}
	}
}
