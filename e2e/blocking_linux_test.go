package e2e

import (
	"bufio"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// lists are small lists of every format, and one that allows.
var lists = map[string]string{
	"hosts.txt": "# a hosts file\n127.0.0.1 localhost\n0.0.0.0 exact.ads.example second.ads.example\n",
	"domains.txt": "# one name a line\nmetrics.tracker.example\n*.wild.example\nallowed.ads.example\n" +
		"under.example\n",
	"adblock.txt": "! Title: adblock\n||deep.ads.example^\n@@||good.deep.ads.example^\n||strong.ads.example^$important\n" +
		"@@||strong.ads.example^\n||broken.example^$unheard-of\n",
	"allow.txt": "allowed.ads.example\n",
}

const listConfiguration = `
[[list]]
name = "hosts"
path = "hosts.txt"
[[list]]
name = "domains"
path = "domains.txt"
[[list]]
name = "adblock"
path = "adblock.txt"
[[list]]
name = "allow"
path = "allow.txt"
action = "allow"
`

// TestBlocking asks for names that lists of every format block, allow and leave
// alone, and has `tundns explain` agree with dig.
func TestBlocking(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	config := configuration(t, upstream(udp(l.far4))+listConfiguration, lists)
	h.up(config)

	for _, test := range []struct{ name, reason string }{
		{"exact.ads.example", "hosts:3 "},
		{"second.ads.example", "hosts:3 "},
		{"EXACT.ads.example", "hosts:3 "},
		{"metrics.tracker.example", "domains:2 "},
		{"x.metrics.tracker.example", "domains:2 "},
		{"cloaked.example", "domains:2 "}, // by its CNAME
		{"wild.example", "domains:3 "},
		{"a.b.wild.example", "domains:3 "},
		{"deep.ads.example", "adblock:2 "},
		{"x.deep.ads.example", "adblock:2 "},
		{"strong.ads.example", "adblock:4 "},
	} {
		h.blocked(test.name, test.reason)
		explained := h.run(tundns, "explain", test.name, "--config", config)
		if test.name != "cloaked.example" && !strings.Contains(explained, strings.TrimSpace(test.reason)) {
			t.Errorf("explain %s does not name %s:\n%s", test.name, test.reason, explained)
		}
	}
	for _, name := range []string{
		"x.exact.ads.example", // a hosts line means that name alone
		"good.deep.ads.example", "x.good.deep.ads.example",
		"allowed.ads.example", // by the allow list
		"plain.ads.example", "good.tracker.example", "www.example",
		"broken.example", // its rule has a modifier that is not known
	} {
		if r := h.dig("@"+virtual4, name); (r.status != "NOERROR" && r.status != "NXDOMAIN") || len(r.ede) > 0 || slices.Contains(r.data(), "0.0.0.0") {
			t.Errorf("%s is not let through:\n%s", name, r.raw)
		}
	}
	if r := h.ask("NOERROR", "@"+virtual4, "exact.ads.example", "AAAA"); !slices.Equal(r.data(), []string{"::"}) {
		t.Error(r.raw)
	}
	for _, qtype := range []string{"HTTPS", "TXT", "MX"} {
		r := h.ask("NOERROR", "@"+virtual4, "exact.ads.example", qtype)
		if len(r.answer) != 0 || len(r.authority) != 1 || !strings.Contains(r.authority[0], " 10 IN SOA ") {
			t.Errorf("want no data and an SOA of TTL 10:\n%s", r.raw)
		}
	}
	m := h.metrics()
	if m.sum("tundns_responses_total", `outcome="blocked"`) < 11 || m.sum("tundns_list_rules", `list="hosts"`) != 2 {
		t.Errorf("blocked %v, rules of the hosts list %v", m.sum("tundns_responses_total", `outcome="blocked"`), m.sum("tundns_list_rules", `list="hosts"`))
	}
	if checked := h.run(tundns, "check", "--config", config); !strings.Contains(checked, "adblock.txt:6: ") {
		t.Errorf("check does not report the line that is no rule:\n%s", checked)
	}
}

// TestClientGroups gives the clients behind different addresses different lists
// and different block answers.
func TestClientGroups(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.ip("address add 198.51.100.10/32 dev lo")
	h.ip("address add 198.51.100.11/32 dev lo")
	config := configuration(t, upstream(udp(l.far4))+listConfiguration+`
[[group]]
name = "free"
clients = ["198.51.100.10"]
lists = []
[[group]]
name = "strict"
clients = ["198.51.100.11/32"]
lists = ["domains"]
block_with = "nxdomain"
`, lists)
	h.up(config)

	h.blocked("metrics.tracker.example", "domains:2")
	if r := h.ask("NOERROR", "@"+virtual4, "-b", "198.51.100.10", "metrics.tracker.example"); !slices.Equal(r.data(), []string{"198.51.100.90"}) {
		t.Errorf("blocked for a client without lists:\n%s", r.raw)
	}
	h.ask("NXDOMAIN", "@"+virtual4, "-b", "198.51.100.11", "metrics.tracker.example")
	if r := h.dig("@"+virtual4, "-b", "198.51.100.11", "exact.ads.example"); len(r.ede) > 0 {
		t.Errorf("blocked by a list that the group does not have:\n%s", r.raw)
	}
	if explained := h.run(tundns, "explain", "metrics.tracker.example", "--client", "198.51.100.11", "--config", config); !strings.Contains(explained, "strict") {
		t.Errorf("explain does not name the group:\n%s", explained)
	}
}

// publicListsVariable names a folder of the public lists that TestPublicLists
// blocks from.
const publicListsVariable = "TUNDNS_LISTS"

// TestPublicLists asks for every 500th name of the lists that people use.
func TestPublicLists(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(publicListsVariable)
	if dir == "" {
		t.Log(publicListsVariable + " names no folder of public lists: nothing to ask for")
		return
	}
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)

	var text strings.Builder
	allowed := make(map[string]bool)
	names := make(map[string][]string) // by file
	for _, pattern := range []string{"*.hosts", "*.domains.txt", "*.wildcard.txt", "*.adblock.txt"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := strings.NewReplacer(".txt", "", ".", "-").Replace(filepath.Base(file))
			text.WriteString("[[list]]\nname = \"" + name + "\"\npath = \"" + absolute(t, file) + "\"\n")
			names[file] = readList(t, file, allowed)
		}
	}
	start := time.Now()
	h.up(configuration(t, upstream(udp(l.far4))+text.String(), nil))
	t.Logf("up with %d lists after %v", len(names), time.Since(start).Round(time.Millisecond))

	asked := 0
	for file, all := range names {
		for i := 0; i < len(all); i += 500 {
			isAllowed := under(all[i], allowed)
			m, err := h.exchange("udp", new(dns.Msg).SetQuestion(all[i]+".", dns.TypeA))
			asked++
			if err != nil {
				t.Fatalf("%s: %v", all[i], err)
			}
			if isBlocked := (sample{m: m}).address() == "0.0.0.0"; isBlocked == isAllowed {
				t.Errorf("%s of %s: blocked %v, want %v\n%v", all[i], filepath.Base(file), isBlocked, !isAllowed, m)
			}
		}
	}
	if asked < 500 {
		t.Errorf("only %d names in %s", asked, dir)
	}
	t.Logf("%d names asked for", asked)
}

// readList returns the names that a public list blocks, and adds those that it
// allows; it knows no more of the formats than that a rule has one name.
func readList(t *testing.T, path string, allowed map[string]bool) (blocked []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(line, "0.0.0.0 "), "*.")
		name = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "@@"), "||"), "^")
		_, notAddress := netip.ParseAddr(name)
		switch {
		case notAddress == nil:
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || !strings.Contains(name, "."):
			// A pattern, a modifier, another alphabet or a top-level domain.
		case strings.HasPrefix(line, "@@"):
			allowed[name] = true
		default:
			blocked = append(blocked, name)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return blocked
}

// under is whether the set holds the name or a parent of it.
func under(name string, set map[string]bool) bool {
	for found := true; found; _, name, found = strings.Cut(name, ".") {
		if set[name] {
			return true
		}
	}
	return false
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
