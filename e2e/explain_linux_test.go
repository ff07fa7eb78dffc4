package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestExplain has `tundns explain`, and a TXT question from the client itself,
// tell the whole way of names.
func TestExplain(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.ip("address add " + kid + "/32 dev lo")
	config := configuration(t, upstream(udp(l.far4))+group("office", `domains = ["corp.example"]`, udp(l.far4))+`
[[list]]
name = "ads"
path = "ads.txt"
[[list]]
name = "more"
path = "more.txt"
[local]
records = ["nas.home.arpa A 192.168.1.5"]
[[group]]
name = "kids"
clients = ["198.51.100.0/24"]
rules = ["@@||plain.ads.example^$important"]
safe_search = ["google"]
`, map[string]string{
		"ads.txt":  "||ads.example^\n||tracker.example^\n@@||trusted.example^\n",
		"more.txt": "# more\n||plain.ads.example^\n203.0.113.0/24\n",
	})
	h.up(config)

	for _, test := range []struct {
		name, client string
		says         []string // lines, or their beginnings, in this order
		answer       string   // what the last line of explain has
	}{
		{"plain.ads.example", "", []string{
			"plain.ads.example: blocked (null) for client group default (" + ours4 + ")",
			"why: the rule for the longer name wins",
			"block more:2 ||plain.ads.example^",
			"block ads:1 ||ads.example^",
			"group default: ",
		}, `A 0.0.0.0, EDE 15 "more:2 ||plain.ads.example^"`},
		{"plain.ads.example", kid, []string{
			"plain.ads.example: allowed for client group kids (" + kid + ")",
			"why: ",
			"allow kids rules:1 @@||plain.ads.example^$important",
			"block more:2 ||plain.ads.example^",
			"block ads:1 ||ads.example^",
			"hop A 198.51.100.92: no rule matches",
			"group kids: ",
		}, "A 198.51.100.92"},
		{"www.google.com", kid, []string{
			"www.google.com: rewritten to forcesafesearch.google.com for client group kids",
			"why: safe search: google",
		}, "CNAME forcesafesearch.google.com."},
		{"cloaked.example", "", []string{
			"cloaked.example: blocked (null) for client group default",
			"why: for what the answer leads to: ads:2 ||tracker.example^",
			"hop CNAME metrics.tracker.example: block ads:2 ||tracker.example^",
			"hop A 198.51.100.90: no rule matches",
		}, "A 0.0.0.0"},
		{"front.example", "", []string{
			"front.example: allowed for client group default",
			"why: for what the answer leads to: ads:3 @@||trusted.example^",
			"hop CNAME trusted.example: allow ads:3 @@||trusted.example^",
			"hop CNAME metrics.tracker.example: ",
		}, "A 198.51.100.90"},
		{"listed.example", "", []string{
			"listed.example: blocked (null) for client group default",
			"hop A 203.0.113.9: block more:3 ||203.0.113.0/24^",
		}, "A 0.0.0.0"},
		{"www.example", "", []string{
			"www.example: not blocked for client group default",
			"why: no rule of the group's lists matches",
			"hop A 198.51.100.80: no rule matches",
		}, "A 198.51.100.80"},
	} {
		args := []string{"explain", test.name, "--config", config}
		question := []string{"@" + virtual4, "TXT", "why." + test.name + ".tundns.internal"}
		if test.client != "" {
			args, question = append(args, "--client", test.client), append(question, "-b", test.client)
		}
		explained := h.run(tundns, args...)
		inOrder(t, explained, test.says)
		lines := strings.Split(strings.TrimSpace(explained), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "answer: NOERROR") || !strings.Contains(last, test.answer) {
			t.Errorf("explain %s ends in %q, want %q", test.name, last, test.answer)
		}

		r := h.ask("NOERROR", question...)
		if len(r.answer) != 1 || r.ttl() != 0 || r.has("tc") || r.size > 1232 {
			t.Errorf("want one record with TTL 0 in one datagram:\n%s", r.raw)
			continue
		}
		inOrder(t, unquoted(r.data()[0]), test.says)
	}

	if r := h.ask("NOERROR", "@"+virtual4, "TXT", "why.nas.home.arpa.tundns.internal"); len(r.answer) != 1 || !strings.Contains(r.raw, "tundns itself") {
		t.Error(r.raw)
	}
	if r := h.ask("NOERROR", "@"+virtual4, "A", "why.www.example.tundns.internal"); len(r.answer) != 0 {
		t.Error(r.raw)
	}
	if out := h.run(tundns, "explain", "nas.corp.example", "--config", config); !strings.Contains(out, "answered by: upstream group office, by its domain corp.example") {
		t.Errorf("explain does not name the upstream group:\n%s", out)
	}
}

// inOrder checks that the text has all of these, one behind the other.
func inOrder(t testing.TB, text string, all []string) {
	t.Helper()
	rest := text
	for _, want := range all {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Errorf("want %q, in this order, in\n%s", all, text)
			return
		}
		rest = after
	}
}

// unquoted is the text of a TXT record, which dig shows as strings in quotes.
func unquoted(data string) string {
	return strings.NewReplacer(`" "`, "", `\;`, ";", `\"`, `"`).Replace(strings.Trim(data, `"`))
}

// TestPolicyTests has a test in the configuration fail: in a check, and in a
// reload, which must leave all as it is.
func TestPolicyTests(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	config := configuration(t, upstream(udp(l.far4))+`
[[list]]
name = "ads"
path = "ads.txt"
[[test]]
name = "plain.ads.example"
expect = "blocked"
[[test]]
name = "www.example"
type = "AAAA"
client = "198.51.100.10"
expect = "allowed"
`, map[string]string{"ads.txt": "ads.example\n"})
	list := filepath.Join(filepath.Dir(config), "ads.txt")
	if out := h.run(tundns, "check", "--config", config); !strings.Contains(out, "policy tests: 2 passed") {
		t.Errorf("check says:\n%s", out)
	}
	a := h.up(config)
	h.blocked("plain.ads.example", "ads:1 ")

	// A list that would block too much, and one that would let through.
	for _, test := range []struct{ text, says string }{
		{"ads.example\nwww.example\n", "www.example AAAA .*expected allowed, but it is blocked: ads:2 "},
		{"other.example\n", "plain.ads.example A .*expected blocked, but it is allowed"},
	} {
		failures := func() float64 { return h.metrics().sum("tundns_reloads_total", `result="failure"`) }
		before := failures()
		rewrite(t, list, test.text)
		a.signal(syscall.SIGHUP)
		eventually(t, "a failed reload", func() bool { return failures() > before })
		a.await(&a.stderr, test.says)
		h.blocked("plain.ads.example", "ads:1 ")
		h.expect(expected{"www.example", "NOERROR", []string{"198.51.100.80"}, ""})

		out, code := h.finish("check", "--config", config)
		if code != 1 || !regexp.MustCompile(`tundns\.toml:\d+:\d+: .*`+test.says).MatchString(out) {
			t.Errorf("check: exit code %d, want 1 and %q:\n%s", code, test.says, out)
		}
	}
	rewrite(t, list, "ads.example\nother.example\n")
	eventually(t, "the mended list in force", func() bool { return len(h.dig("@"+virtual4, "other.example").ede) == 1 })
}

// TestListCommands looks into list files without a configuration.
func TestListCommands(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	old := writeFile(t, "old.txt", "||ads.example^\n||x.ads.example^\n||ads.example^\n||half.example^$unheard-of\n||com^\n||gone.example^\n")
	now := writeFile(t, "new.txt", "||ads.example^\n||y.ads.example^\n||new.example^\n")

	out, code := h.finish("lists", "lint", old)
	want := fmt.Sprintf(`%[1]s:2: subsumed: ||x.ads.example^: ||ads.example^ at %[1]s:1 does the same
%[1]s:3: duplicate: ||ads.example^ is at %[1]s:1
%[1]s:4: skipped: modifier is not supported: ||half.example^$unheard-of
%[1]s:5: skipped: too wide: blocks a top-level domain or everything: ||com^
`, old)
	if out != want || code != 1 {
		t.Errorf("lists lint: exit code %d and\n%s\nwant 1 and\n%s", code, out, want)
	}
	if out, code := h.finish("lists", "lint", writeFile(t, "good.txt", "a.example\nb.example\n")); out != "" || code != 0 {
		t.Errorf("lists lint of a good list: exit code %d and %q", code, out)
	}
	if out, code := h.finish("lists", "lint", old, now); code != 1 || !strings.Contains(out, now+":1: duplicate: ||ads.example^ is at "+old+":1\n") {
		t.Errorf("lists lint of two files: exit code %d\n%s", code, out)
	}

	want = fmt.Sprintf("- %s:6: ||gone.example^\n+ %s:3: ||new.example^\n1 newly blocked, 1 no longer blocked\n", old, now)
	if out, code := h.finish("lists", "diff", old, now); out != want || code != 0 {
		t.Errorf("lists diff: exit code %d and\n%s\nwant 0 and\n%s", code, out, want)
	}
	page := writeFile(t, "page.txt", "<!DOCTYPE html>\n")
	h.refused([]string{"lists", "lint", page}, page, "HTML")
	h.refused([]string{"lists", "diff", old, page}, page, "HTML")
}
