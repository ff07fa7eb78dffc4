package config

import (
	"errors"
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	const (
		up   = "[[upstream]]\n"
		list = "[[list]]\nname = \"ads\"\npath = \"a\"\n" // three lines
		kids = "[[group]]\nname = \"kids\"\n"
	)
	pin := "sha256/" + strings.Repeat("A", 43) + "="
	server := func(url string) string { return "upstream = [{servers = ['" + url + "']}]" } // the URL is at 1:25
	for _, tt := range []struct {
		text string
		want []string
	}{
		// TOML itself.
		{"mode = dns", []string{`1:8: unexpected character U+0064 'd' at start of value; text is written in quotes, like mode = "dns"`}},
		{"a = 1\nmode = first", []string{`2:8: expected keyword "false"; text is written in quotes, like mode = "dns"`}},
		{"mode", []string{`1:4: expected '=' after key`}},
		{"[cache]\nstale_for = 24h", []string{`2:15: strings must be quoted`}},
		{"[tun\n", []string{`1:5: expected ']' to close table name`}},
		{"mode = \"dns\"\nmode = \"dns\"", []string{`2:1: key mode is already defined`}},
		{strings.Repeat("#", maxFileSize+1), []string{`1:1: the file is larger than 262144 bytes; this is not a configuration`}},

		// Keys and types.
		{"cashe = 1", []string{`1:1: unknown key "cashe"; did you mean "cache"?`}},
		{"[Cache]\nx = 1", []string{`1:2: unknown key "Cache"; did you mean "cache"?`}},
		{"\ufeff [ cashe.x ]", []string{`1:4: unknown key "cashe"; did you mean "cache"?`}},
		{"colour = 1", []string{`1:1: unknown key "colour"; the keys are mode, state, tun, wireguard, dns, upstream, bootstrap, cache, local, list, group, test, metrics, log`}},
		{strings.Repeat("cache", 30) + " = 1", []string{`1:1: unknown key "` + strings.Repeat("cache", 20) + `"…; the keys are mode, state, tun, wireguard, dns, upstream, bootstrap, cache, local, list, group, test, metrics, log`}},
		{"[tun]\n \"adresses\" = []", []string{`2:2: unknown key "adresses" in [tun]; did you mean "addresses"?`}},
		{"tun.mtu.x = 1", []string{`1:5: mtu must be a whole number of bytes, not a table`}},
		{up + "server = []\nservers = [\"udp://192.0.2.1\"]", []string{`2:1: unknown key "server" in an upstream group; did you mean "servers"?`}},
		{up + "servers = [{ url = \"udp://192.0.2.1\", adresses = [] }]", []string{`2:39: unknown key "adresses" in a server; did you mean "addresses"?`}},
		{list + "fromat = \"auto\"", []string{`4:1: unknown key "fromat" in a list; did you mean "format"?`}},
		{kids + "client = []\nclients = [\"10.0.0.1\"]", []string{`3:1: unknown key "client" in a group; did you mean "clients"?`}},
		{"tun = 5", []string{`1:7: tun must be a table, not a number`}},
		{"[[tun]]\nmtu = 1500", []string{`1:3: tun is one table; write [tun] once, in single brackets`}},
		{"[upstream]\nname = \"x\"", []string{`1:2: upstream is a list of tables; write [[upstream]], in double brackets`}},
		{"[list]", []string{`1:2: list is a list of tables; write [[list]], in double brackets`}},
		{"group = \"kids\"", []string{`1:9: group is a list of tables; write [[group]], in double brackets`}},
		{"list = [\"ads\"]\ngroup = [1.5]\nupstream = [[]]", []string{
			`1:9: list must be a table, not a string`,
			`2:10: group must be a table, not a number`,
			`3:12: upstream must be a table, not a list`}},

		// mode, tun.
		{"mode = \"gateway\"", []string{`1:8: mode "gateway" is not supported in this version; use "dns" or "client"`}},
		{"mode = \"dsn\"", []string{`1:8: mode "dsn" is not known; use "dns" or "client"`}},
		{"mode = true", []string{`1:8: mode must be "dns" or "client" in quotes, not true or false`}},
		{"[tun]\nname = \"a-name-too-long-for-linux\"", []string{`2:8: name "a-name-too-long-for-linux" cannot be an interface's; it is 1 to 15 letters, digits, '-', '_', '.', '=' or '+'`}},
		{"[tun]\nname = \"tun%d\"", []string{`2:8: name "tun%d" cannot be an interface's; it is 1 to 15 letters, digits, '-', '_', '.', '=' or '+'`}},
		{"[tun]\nname = 0", []string{`2:8: name must be a name in quotes, not a number`}},
		{"[tun]\nmtu = \"1420\"", []string{`2:7: mtu must be a whole number of bytes, not a string`}},
		{"[tun]\nmtu = 575", []string{`2:7: mtu 575 is out of range; it is 576 to 65535`}},
		{"[tun]\nmtu = 65536", []string{`2:7: mtu 65536 is out of range; it is 576 to 65535`}},
		{"[tun]\nmtu = 1279", []string{`2:7: mtu 1279 is too small for IPv6, which needs 1280; raise it, or use IPv4 addresses only in [tun] and [dns]`}},
		{"[tun]\naddresses = \"10.0.0.1\"", []string{`2:13: addresses must be a list of addresses in square brackets, not a string`}},
		{"[tun]\naddresses = [\n  \"10.0.0.1/33\",\n  7,\n  \"fe80::1%eth0\"]", []string{
			`3:3: "10.0.0.1/33" is not an address with a prefix length, like 10.30.30.1/32 or fd30:30:30::1/128`,
			`4:3: each item of addresses must be an address in quotes, not a number`,
			`5:3: "fe80::1%eth0" is not an address with a prefix length, like 10.30.30.1/32 or fd30:30:30::1/128`}},
		{"tun.addresses = [\"127.0.0.2/8\", \"ff02::1\", \"0.0.0.0\", \"250.0.0.1\", \"0.1.2.3\", \"10.0.0.1\", \"10.0.0.1/8\", \"::ffff:10.0.0.9\"]", []string{
			`1:18: 127.0.0.2 is a loopback address, which never leaves the host's own stack`,
			`1:33: ff02::1 is a multicast address`,
			`1:44: 0.0.0.0 is the unspecified address`,
			`1:55: 250.0.0.1 is in 240.0.0.0/4, which is no one's`,
			`1:68: 0.1.2.3 is in 0.0.0.0/8, which is no one's`,
			`1:91: 10.0.0.1 is given twice`,
			`1:105: ::ffff:10.0.0.9 is an IPv4 address in IPv6 clothes; write 10.0.0.9`}},
		{"tun.addresses = [\"10.0.0.1\"]", []string{`1:17: the interface has no IPv6 address from which to ask fd30:30:30::30; add one to addresses of [tun], or remove fd30:30:30::30 from those of [dns]`}},
		{"dns.addresses = [\"fd00::53\", \"10.0.0.53\"]\ntun.addresses = [\"fd00::1\"]", []string{`2:17: the interface has no IPv4 address from which to ask 10.0.0.53; add one to addresses of [tun], or remove 10.0.0.53 from those of [dns]`}},

		// dns.
		{"[dns]\nhijack = true", []string{`2:10: hijack = true is not supported in this version; set it to false, and let programs ask the virtual addresses`}},
		{"[log]\nqueries = \"some\"", []string{`2:11: queries "some" is not known; use "none", "blocked" or "all"`}},
		{"[dns]\nclient_subnet = \"yes\"", []string{`2:17: client_subnet "yes" is not known; use "strip" or "pass"`}},
		{"[cache]\nsnapshot = \"x\"\nstale_for = \"0s\"", []string{`2:12: snapshot is of no use with stale_for = "0s": after a restart all of it is stale; remove one of them`}},
		{"[dns]\nhijack = \"yes\"", []string{`2:10: hijack must be true or false, not a string`}},
		{"[dns]\naddresses = []", []string{`2:13: addresses is empty; tundns needs a virtual address to answer at, like 10.30.30.30`}},
		{"[dns]\naddresses = \"10.0.0.1\"", []string{`2:13: addresses must be a list of addresses in square brackets, not a string`}},
		{"[dns]\naddresses = [\"10.0.0.53/32\", \"fe80::53\", \"::1\", \"224.0.0.1\", \"10.0.0.1\", \"10.0.0.1\", 1979-05-27]", []string{
			`2:14: "10.0.0.53/32" is not an address, like 10.30.30.30 or fd30:30:30::30`,
			`2:30: fe80::53 is link-local, so programs would have to name the interface as well; use one in fd00::/8`,
			`2:42: ::1 is a loopback address, which never leaves the host's own stack`,
			`2:49: 224.0.0.1 is a multicast address`,
			`2:74: 10.0.0.1 is given twice`,
			`2:86: each item of addresses must be an address in quotes, not a date or time`}},
		{"[dns]\naddresses = [\"10.30.30.1\"]", []string{`2:14: 10.30.30.1 is both the interface's own address and a virtual address; a packet to an own address never enters the tunnel`}},
		{"[tun]\naddresses = [\"10.30.30.30/24\", \"fd00::1\"]", []string{`2:14: 10.30.30.30 is both the interface's own address and a virtual address; a packet to an own address never enters the tunnel`}},
		{"[tun]\naddresses = [\"10.0.0.1/24\", \"10.1.0.1/31\"]\n[dns]\naddresses = [\"10.0.0.255\", \"10.0.0.0\", \"10.1.0.0\"]", []string{
			`4:14: 10.0.0.255 is a broadcast address of the interface's own subnet 10.0.0.0/24; use another one of it`,
			`4:28: 10.0.0.0 is a broadcast address of the interface's own subnet 10.0.0.0/24; use another one of it`}},
		{"[dns]\naddresses = [\"9.9.9.9\"]", []string{
			`2:14: 9.9.9.9 is both a virtual address and the upstream server "https://dns.quad9.net/dns-query"; tundns would ask itself`,
			`2:14: 9.9.9.9 is both a virtual address and the upstream server "udp://9.9.9.9"; tundns would ask itself`}},

		// upstream.
		{"upstream = []", []string{`1:12: upstream is empty; name an upstream group with servers, or leave upstream out`}},
		{up, []string{`1:3: this upstream group has no servers; add: servers = ["udp://192.0.2.1"]`}},
		{up + "servers = []", []string{`2:11: servers is empty; name at least one, like "udp://192.0.2.1"`}},
		{up + "servers = \"udp://192.0.2.1\"", []string{`2:11: servers must be a list of servers in square brackets, not a string`}},
		{up + "servers = [\"udp://192.0.2.1\"]\n" + up + "name = 5", []string{
			`3:3: this upstream group has no servers; add: servers = ["udp://192.0.2.1"]`,
			`3:3: a second upstream group without domains; put its servers into the first one, in order of preference, or say what it answers for: domains = ["corp.example"]`,
			`4:8: name must be a name in quotes, not a number`}},
		{up + "servers = [\"udp://192.0.2.1\"]\n" + up + "servers = [\"udp://192.0.2.1\"]\ndomains = [\"corp.example\"]", []string{
			`3:3: there is an upstream group "default" already; give this one a name of its own`}},
		{up + "servers = [\"udp://192.0.2.1\"]\ndomains = [\"corp.example\"]", []string{
			`1:3: every upstream group has domains; add one without, to answer for all other names`}},
		{up + "servers = [\"udp://192.0.2.1\"]\n" + up + "name = \"a\"\nservers = [\"udp://10.30.30.30\"]\ndomains = [\"10.0.0.0/8\", \"a.example\"]\n" +
			up + "name = \"b\"\nservers = [\"udp://192.0.2.1\"]\ndomains = [\"=a.example\", \"A.example.\", \"10.in-addr.arpa\"]", []string{
			`5:12: 10.30.30.30 is both a virtual address and the upstream server "udp://10.30.30.30"; tundns would ask itself`,
			`10:26: domain "a.example" is given twice`,
			`10:40: domain "10.in-addr.arpa" is given twice`}},
		{up + "servers = [\"udp://192.0.2.1\"]\nname = \"my servers\"\nstrategy = \"fastest\"\nvia = \"tunnel\"", []string{
			`3:8: name "my servers" must be 1 to 63 letters, digits, '-', '_' or '.'`,
			`5:7: via "tunnel" is not supported in this version; use "direct"`}},
		{up + "servers = [\"udp://192.0.2.1\"]\nstrategy = \"random\"\nvia = 5\ndomains = \"x\"\nname = []", []string{
			`3:12: strategy "random" is not known; use "failover" or "fastest"`,
			`4:7: via must be "direct" in quotes, not a number`,
			`5:11: domains must be a list of domains in square brackets, not a string`,
			`6:8: name must be a name in quotes, not a list`}},
		{up + "servers = [\"udp://192.0.2.1\"]\nca_file = \"ca.pem\"", []string{`3:11: ca_file is for encrypted servers, and this upstream group has none; remove it`}},
		{up + "servers = [\"tcp://192.0.2.1\"]\ncase_randomization = true", []string{`3:22: case_randomization is for udp servers, and this upstream group has none; remove it`}},
		{up + "servers = [\"udp://192.0.2.1\"]\ncase_randomization = \"yes\"", []string{`3:22: case_randomization must be true or false, not a string`}},
		{up + "servers = [\"https://192.0.2.1/q\"]\nca_file = \"a\\u0000b\"", []string{`3:11: ca_file has a NUL byte in it`}},
		{up + "servers = [{ addresses = [\"192.0.2.1\"] }, 5, { url = 5 }]", []string{
			`2:12: this server has no url; add: url = "https://192.0.2.1/dns-query"`,
			`2:43: a server must be a URL in quotes or a table with url and addresses, not a number`,
			`2:54: a server must be a URL in quotes or a table with url and addresses, not a number`}},
		{up + "servers = [\"udp://192.0.2.1\", { url = \"udp://192.0.2.1\" }]", []string{`2:39: server "udp://192.0.2.1" is given twice`}},
		{up + "servers = [{ url = \"udp://a.example\", addresses = [\"a\", 5, \"0.0.0.0\", \"192.0.2.1\", \"192.0.2.1\"] }]", []string{
			`2:52: "a" is not an address, like 192.0.2.1 or 2001:db8::1`,
			`2:57: each item of addresses must be an address in quotes, not a number`,
			`2:60: 0.0.0.0 is the unspecified address`,
			`2:84: 192.0.2.1 is given twice`}},
		{up + "servers = [{ url = \"udp://192.0.2.1\", addresses = [\"192.0.2.2\"] }]", []string{`2:20: server "udp://192.0.2.1" has an address for a host already; remove addresses`}},
		{up + "servers = [{ url = \"udp://ns.example\", addresses = [\"10.30.30.30\"] }]", []string{`2:20: 10.30.30.30 is both a virtual address and the upstream server "udp://ns.example"; tundns would ask itself`}},
		{up + "servers = [{ url = \"tls://192.0.2.1\", pins = [] }]", []string{`2:46: pins is empty; name a key, or leave pins out`}},
		{up + "servers = [{ url = \"tls://192.0.2.1\", pins = [\"sha256/AAAA\", 5] }]", []string{
			`2:47: pin "sha256/AAAA" is not sha256/ and 44 characters: the base64 form of a public key's SHA-256`,
			`2:62: each item of pins must be a pin in quotes, not a number`}},
		{up + "servers = [{ url = \"udp://192.0.2.1\", pins = [\"" + pin + "\"] }]", []string{`2:20: server "udp://192.0.2.1" is not encrypted, so it has no key to pin; remove pins`}},
		{server("udp://[fd30:30:30::30]"), []string{`1:25: fd30:30:30::30 is both a virtual address and the upstream server "udp://[fd30:30:30::30]"; tundns would ask itself`}},
		{server("https://dns.example/dns-query"), []string{`1:25: server "https://dns.example/dns-query" has a name for a host, and tundns cannot ask itself for its address; a bootstrap address is needed: { url = "https://dns.example/dns-query", addresses = ["192.0.2.1"] } with the server's own, or servers in [bootstrap] to ask for it`}},
		{server("192.0.2.1"), []string{`1:25: server "192.0.2.1" has no scheme; write "udp://192.0.2.1"`}},
		{server("192.0.2.1:53"), []string{`1:25: server "192.0.2.1:53" has no scheme; write "udp://192.0.2.1:53"`}},
		{server("2001:db8::1"), []string{`1:25: server "2001:db8::1" has no scheme; write "udp://[2001:db8::1]"`}},
		{server("dns.example"), []string{`1:25: server "dns.example" has no scheme; it begins with udp://, tcp://, tls://, quic://, https://, h3:// or sdns://`}},
		{server("udp://2001:db8::1"), []string{`1:25: server "udp://2001:db8::1" has an IPv6 address without brackets; write "udp://[2001:db8::1]"`}},
		{server("udp://192.0.2.1 "), []string{`1:25: server "udp://192.0.2.1 " is not a URL, like udp://192.0.2.1, tcp://[2001:db8::1]:53 or https://dns.example/dns-query`}},
		{up + "servers = [{ url = \"system\", addresses = [\"192.0.2.1\"] }]", []string{`2:20: server "system" is what the host says; remove addresses, pins and method`}},
		{server("sdns://AQ"), []string{`1:25: stamp is for DNSCrypt, which is not supported; use one for DNS over HTTPS, TLS or QUIC`}},
		{server("sdns://AA"), []string{`1:25: stamp ends too early`}},
		{server("sdns://AAcAAAAAAAAACzEwLjMwLjMwLjMw"), []string{`1:25: 10.30.30.30 is both a virtual address and the upstream server "udp://10.30.30.30"; tundns would ask itself`}},
		{up + "servers = [{ url = \"sdns://AgcAAAAAAAAABzkuOS45LjkADWRucy5xdWFkOS5uZXQKL2Rucy1xdWVyeQ\", addresses = [\"9.9.9.9\"] }]", []string{`2:20: the stamp has an address already; remove addresses`}},
		{up + "servers = [{ url = \"sdns://AgcAAAAAAAAABzkuOS45LjkADWRucy5xdWFkOS5uZXQKL2Rucy1xdWVyeQ\", pins = [\"" + pin + "\"] }]", []string{`2:20: a stamp has pins of its own; remove pins`}},
		{server("quic://192.0.2.1/x"), []string{`1:25: server "quic://192.0.2.1/x" must end after the host and port; a path is for https`}},
		{server("h3://192.0.2.1"), []string{`1:25: server "h3://192.0.2.1" has no path; most servers have /dns-query`}},
		{up + "servers = [{ url = \"https://192.0.2.1/q\", method = \"put\" }]", []string{`2:52: method "put" is not known; use "post" or "get"`}},
		{up + "servers = [{ url = \"tls://192.0.2.1\", method = \"get\" }]", []string{`2:20: server "tls://192.0.2.1" is not asked over HTTP, so it has no method; remove it`}},
		{server("tls://192.0.2.1/x"), []string{`1:25: server "tls://192.0.2.1/x" must end after the host and port; a path is for https`}},
		{server("http://192.0.2.1/q"), []string{`1:25: server "http://192.0.2.1/q" has an unknown scheme; use udp, tcp, tls, quic, https, h3 or sdns, or "system" for the host's own servers`}},
		{server("udp://"), []string{`1:25: server "udp://" has no host`}},
		{server("udp://:53"), []string{`1:25: server "udp://:53" has no host`}},
		{server("udp://me@192.0.2.1"), []string{`1:25: server "udp://me@192.0.2.1" has a user name in it, which no server of this kind takes`}},
		{server("udp://192.0.2.1:0"), []string{`1:25: server "udp://192.0.2.1:0" has a port that is not 1 to 65535`}},
		{server("udp://192.0.2.1:65536"), []string{`1:25: server "udp://192.0.2.1:65536" has a port that is not 1 to 65535`}},
		{server("udp://192.0.2.1:"), []string{`1:25: server "udp://192.0.2.1:" has a port that is not 1 to 65535`}},
		{server("udp://192.0.2.1/"), []string{`1:25: server "udp://192.0.2.1/" must end after the host and port; a path is for https`}},
		{server("tcp://192.0.2.1?x"), []string{`1:25: server "tcp://192.0.2.1?x" must end after the host and port; a path is for https`}},
		{server("https://192.0.2.1/q#x"), []string{`1:25: server "https://192.0.2.1/q#x" has a fragment (#), which is never sent to a server`}},
		{server("https://192.0.2.1/q{?dns}"), []string{`1:25: server "https://192.0.2.1/q{?dns}" is a template; remove the part in braces, and choose with method = "get" or "post"`}},
		{server("https://192.0.2.1"), []string{`1:25: server "https://192.0.2.1" has no path; most servers have /dns-query`}},
		{server("udp://255.255.255.255"), []string{`1:25: server "udp://255.255.255.255" names a host that is in 240.0.0.0/4, which is no one's`}},
		{server("udp://192.0.2.300"), []string{`1:25: server "udp://192.0.2.300" has a host that is neither an address nor a name`}},
		{server("udp://" + strings.Repeat("a.", 127) + "b"), []string{`1:25: server "udp://` + strings.Repeat("a.", 47) + `"… has a host that is neither an address nor a name`}},
		{server("udp://a..b"), []string{`1:25: server "udp://a..b" has a host that is neither an address nor a name`}},
		{server("x" + strings.Repeat("é", 60)), []string{`1:25: server "x` + strings.Repeat("é", 49) + `"… has no scheme; it begins with udp://, tcp://, tls://, quic://, https://, h3:// or sdns://`}},

		// bootstrap.
		{"[bootstrap]\nservers = \"udp://192.0.2.1\"\nfile = 1", []string{
			`2:11: servers must be a list of servers in square brackets, not a string`,
			`3:8: file must be a path in quotes, not a number`}},
		{"[bootstrap]\nfile = \"addresses.json\"", []string{`2:8: file is where servers of [bootstrap] keep what they say; add: servers = ["udp://192.0.2.1"]`}},
		{"[bootstrap]\nservers = [\"system\", \"udp://10.30.30.30\", \"tls://dns.example\"]", []string{
			`2:12: the host's own servers may be tundns itself one day; name other ones by their addresses`,
			`2:22: 10.30.30.30 is both a virtual address and the bootstrap server "udp://10.30.30.30"; tundns would ask itself`,
			`2:43: server "tls://dns.example" has a name for a host, and tundns cannot ask itself for its address; a bootstrap address is needed: { url = "tls://dns.example", addresses = ["192.0.2.1"] } with the server's own, or servers in [bootstrap] to ask for it`}},

		// cache.
		{"[cache]\nmax_bytes = \"64 MB/s\"\nstale_for = \"1 day\"", []string{
			`2:13: max_bytes "64 MB/s" is not a size; write a whole number of bytes, or one with KiB, MiB, GiB, KB, MB or GB, like "64MiB"`,
			`3:13: stale_for "1 day" is not a duration; write one with h, m or s, like "24h" or "90s"`}},
		{"[cache]\nmax_bytes = 1.5\nstale_for = 86400", []string{
			`2:13: max_bytes must be a size like "64MiB", not a number`,
			`3:13: stale_for must be a duration in quotes, not a number`}},
		{"[cache]\nmax_bytes = 1048575\nstale_for = \"-1s\"", []string{
			`2:13: max_bytes "1048575" is too small; it is at least 1MiB`,
			`3:13: stale_for "-1s" is out of range; it is "0s" to "720h"`}},
		{"[cache]\nmax_bytes = \"1025GiB\"\nstale_for = \"721h\"", []string{
			`2:13: max_bytes "1025GiB" is too large; it is at most 1024GiB`,
			`3:13: stale_for "721h" is out of range; it is "0s" to "720h"`}},

		// list.
		{"[[list]]", []string{
			`1:3: this list has no name; add: name = "ads"`,
			`1:3: this list has no path and no url; add: path = "lists/ads.txt", or url = "https://lists.example/ads.txt"`}},
		{"[[list]]\nname = \"\"\npath = \"\"", []string{
			`1:3: this list has no path and no url; add: path = "lists/ads.txt", or url = "https://lists.example/ads.txt"`,
			`2:8: name "" must be 1 to 63 letters, digits, '-', '_' or '.'`}},
		{"[[list]]\nname = \"a\"\nurl = 1\npath = 1", []string{
			`3:7: url must be a URL in quotes, not a number`,
			`4:8: path must be a path in quotes, not a number`}},
		{list + list, []string{`5:8: list "ads" is given twice; each has a name of its own`}},
		{list + "format = \"rpzs\"\naction = \"deny\"\nsubdomains = 1", []string{
			`4:10: format "rpzs" is not known; use "auto", "hosts", "domains", "adblock", "dnsmasq", "unbound" or "rpz"`,
			`5:10: action "deny" is not known; use "block" or "allow"`,
			`6:14: subdomains must be true or false, not a number`}},
		{list + "subdomains = true\nformat = \"hosts\"", []string{`4:14: subdomains is for bare names, and a list of format "hosts" has none; remove it`}},

		// group.
		{"[[group]]", []string{`1:3: this group has no name; add: name = "kids"`}},
		{kids, []string{`1:3: group "kids" has no clients, so it is never used; add: clients = ["10.0.0.7", "10.0.2.0/24"]`}},
		{kids + "clients = []", []string{`3:11: clients is empty, so this group is never used; name an address or a network`}},
		{kids + "clients = \"10.0.0.1\"", []string{`3:11: clients must be a list of addresses and networks in square brackets, not a string`}},
		{"[[group]]\nname = \"default\"\nclients = [\"10.0.0.1\"]", []string{`3:11: group "default" takes every client that no other group names; remove clients`}},
		{kids + "clients = [\"10.0.0.1\"]\n" + kids + "clients = [\"10.0.0.2\"]", []string{`5:8: group "kids" is given twice; each has a name of its own`}},
		{kids + "clients = [\"peer:tablet\", \"tablet\", 7, \"10.0.2.7/24\", \"::ffff:10.0.0.0/120\"]", []string{
			`3:12: client "peer:tablet" is not supported in this version, none of whose modes knows peers by name; name the peer's address or network`,
			`3:27: client "tablet" is not an address or a network, like 10.0.0.7, 10.0.2.0/24 or fd00::/64`,
			`3:37: each item of clients must be an address or a network in quotes, not a number`,
			`3:40: client 10.0.2.7/24 has bits set behind its prefix length; write 10.0.2.0/24 for the network, or 10.0.2.7 for the one address`,
			`3:55: client "::ffff:10.0.0.0/120" is not an address or a network, like 10.0.0.7, 10.0.2.0/24 or fd00::/64`}},
		{kids + "clients = [\"10.0.0.0/8\"]\n[[group]]\nname = \"tv\"\nclients = [\"10.0.2.0/24\"]", []string{`6:12: client 10.0.2.0/24 is never looked for here: 10.0.0.0/8 of group "kids" comes first; move the narrower one up, or remove one`}},
		{kids + "clients = [\"10.0.0.1\"]\nlists = [\"adds\", 5, \"malware\", \"ads\", \"ads\"]\n" + list, []string{
			`4:10: there is no list "adds"; did you mean "ads"?`,
			`4:18: each item of lists must be the name of a list in quotes, not a number`,
			`4:21: there is no list "malware"; add it with [[list]], or use "ads"`,
			`4:39: list "ads" is given twice`}},
		{"[[group]]\nname = \"default\"\nlists = [\"ads\"]", []string{`3:10: there is no list "ads"; the file has none; add one with [[list]]`}},
		{"[[group]]\nname = \"default\"\nblock_with = \"zero\"\nlists = 1", []string{
			`3:14: block_with "zero" is not known; use "null", "nxdomain", "nodata" or "refused", or an IP address`,
			`4:9: lists must be a list of names of lists in square brackets, not a number`}},
		{"group = [{name = \"default\", block_with = \"224.0.0.1\"}, {name = \"a\", clients = [\"::1\"], block_with = 1}]", []string{
			`1:42: block_with is a multicast address; it must be a plain IPv4 or IPv6 address`,
			`1:101: block_with must be a word like "null" or an address in quotes, not a number`}},

		// metrics.
		{"[metrics]\nlisten = 9153", []string{`2:10: listen must be an address with a port in quotes, not a number`}},
		{"[metrics]\nlisten = \"localhost:9153\"", []string{`2:10: listen "localhost:9153" is not an address with a port, like 127.0.0.1:9153, [::1]:9153, or :9153 for all addresses`}},
		{"[metrics]\nlisten = \"127.0.0.1\"", []string{`2:10: listen "127.0.0.1" is not an address with a port, like 127.0.0.1:9153, [::1]:9153, or :9153 for all addresses`}},
		{"[metrics]\nlisten = \"127.0.0.1:0\"", []string{`2:10: listen "127.0.0.1:0" is not an address with a port, like 127.0.0.1:9153, [::1]:9153, or :9153 for all addresses`}},
		{"[metrics]\nlisten = \"224.0.0.1:9153\"", []string{`2:10: 224.0.0.1 is a multicast address`}},
		{"[metrics]\nlisten = \"10.30.30.30:80\"", []string{`2:10: listen 10.30.30.30 is a virtual address, where metrics are in any case; name an address of the host`}},

		// Several at once, by position, whatever the order of the checks.
		{"[[group]]\nname = \"default\"\nlists = [\"x\"]\n[tun]\nmtu = 1\n[cache]\nstale_for = \"x\"\n", []string{
			`3:10: there is no list "x"; the file has none; add one with [[list]]`,
			`5:7: mtu 1 is out of range; it is 576 to 65535`,
			`7:13: stale_for "x" is not a duration; write one with h, m or s, like "24h" or "90s"`}},
		{"mode = \"x\"\r\n\tcashe = 1\r\n", []string{
			`1:8: mode "x" is not known; use "dns" or "client"`,
			`2:2: unknown key "cashe"; did you mean "cache"?`}},
	} {
		wantErrors(t, tt.text, tt.want)
	}
}

// wantErrors wants the errors of a file, each without the file's name.
func wantErrors(t *testing.T, text string, want []string) {
	t.Helper()
	_, err := Parse("tundns.toml", []byte(text))
	whole := "tundns.toml:" + strings.Join(want, "\ntundns.toml:")
	if err == nil || err.Error() != whole {
		t.Errorf("%s\ngot  %v\nwant %s", text[:min(len(text), 300)], err, whole)
	}
}

func TestParseManyErrors(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("[[list]]\nnonsense = 1\n", 10_000)))
	errs, ok := errors.AsType[Errors](err)
	if !ok || len(errs) != maxErrors {
		t.Fatalf("got %d errors, want %d", len(errs), maxErrors)
	}
	if got := errs[maxErrors-1].Message; got != "too many errors; the rest is not shown" {
		t.Errorf("last error: %q", got)
	}
	if first, ok := errors.AsType[*Error](err); !ok || first.Line != 1 || first.Column != 3 {
		t.Errorf("first single error: %v, want that of 1:3", first)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1_000": 1000, "1KB": 1000, "1KiB": 1024, "3MB": 3e6, "3MiB": 3 << 20, "2GB": 2e9, "2 GiB": 2 << 30,
		"8388607TiB": -1, "8589934591GiB": 8589934591 << 30, "8589934592GiB": -1, "9223372036854775807": 1<<63 - 1, "9223372036854775808": -1,
		"": -1, "MiB": -1, "-1": -1, "1.5GiB": -1, "64mib": -1, "1K": -1, "1 B": -1, "MiB64": -1, " 1": -1, "1MiB ": -1, "1MiBKiB": -1,
	} {
		got, ok := parseSize(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
}
