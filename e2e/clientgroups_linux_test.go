package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The clients of the scenarios with client groups: addresses of the host itself,
// that queries come from.
const (
	kid   = "198.51.100.10"
	adult = "198.51.100.12"
)

// TestGroupPolicy gives a client group rules, safe search and blocked types of
// its own, which the others know nothing of.
func TestGroupPolicy(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.ip("address add " + kid + "/32 dev lo")
	h.ip("address add " + adult + "/32 dev lo")
	h.up(configuration(t, upstream(udp(l.far4))+`
[[list]]
name = "ads"
path = "ads.txt"
[[group]]
name = "kids"
clients = ["198.51.100.8/30"]
rules = ["||games.example^", "@@||plain.ads.example^", "||school.example^$dnsrewrite=198.51.100.70"]
safe_search = ["google", "youtube"]
blocked_types = ["HTTPS"]
block_with = "nxdomain"
[[group]]
name = "adults"
clients = ["198.51.100.0/24"]
lists = []
`, map[string]string{"ads.txt": "ads.example\n"}))
	// Both groups match the first of the clients.
	h.expect(
		expected{"-b " + kid + " x.games.example", "NXDOMAIN", nil, "15 (Blocked): (kids rules:1 ||games.example^)"},
		expected{"-b " + kid + " other.ads.example", "NXDOMAIN", nil, "ads:1 ||ads.example^"},
		expected{"-b " + kid + " plain.ads.example", "NOERROR", []string{"198.51.100.92"}, ""},
		expected{"-b " + kid + " school.example", "NOERROR", []string{"198.51.100.70"}, "4 (Forged Answer): (kids rules:3 "},
		expected{"-b " + kid + " www.google.com", "NOERROR", []string{"forcesafesearch.google.com.", "198.51.100.61"}, "4 (Forged Answer): (safe search: google)"},
		expected{"-b " + kid + " www.example HTTPS", "NOERROR", nil, "type HTTPS is blocked for group kids"},
		expected{"-b " + kid + " www.example", "NOERROR", []string{"198.51.100.80"}, ""},

		expected{"-b " + adult + " other.ads.example", "NXDOMAIN", nil, ""},
		expected{"-b " + adult + " www.google.com", "NOERROR", []string{"198.51.100.60"}, ""},

		expected{"other.ads.example", "NOERROR", null, "ads:1 ||ads.example^"},
		expected{"plain.ads.example", "NOERROR", null, "ads:1 ||ads.example^"},
		expected{"x.games.example", "NXDOMAIN", nil, ""},
		expected{"school.example", "NXDOMAIN", nil, ""},
		expected{"www.google.com", "NOERROR", []string{"198.51.100.60"}, ""},
		expected{"www.example HTTPS", "NOERROR", []string{`1 . alpn="h2,h3" ipv4hint=198.51.100.80`}, ""},
	)
	if m := h.metrics(); m.sum("tundns_responses_total", `outcome="rewritten"`) != 2 {
		t.Errorf("%v rewritten answers, want 2", m.sum("tundns_responses_total", `outcome="rewritten"`))
	}
}

// TestSchedules has windows that are open now and others that are not.
func TestSchedules(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	for i := range 5 {
		h.ip(fmt.Sprintf("address add 198.51.100.%d/32 dev lo", 10+i))
	}
	// Half a day around the present hour, and the other half.
	hour := time.Now().UTC().Hour()
	near, far := fmt.Sprintf("%02d:00", (hour+18)%24), fmt.Sprintf("%02d:00", (hour+6)%24)
	text := upstream(udp(l.far4)) + "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n[[list]]\nname = \"social\"\npath = \"social.txt\"\n"
	for i, g := range []struct{ from, to, effect string }{
		{near, far, `lists = ["social"]`},
		{far, near, `lists = ["social"]`},
		{near, far, `block = "everything"`},
		{near, far, `block = "nothing"`},
		{far, near, `block = "everything"`},
	} {
		text += fmt.Sprintf("[[group]]\nname = \"g%d\"\nclients = [\"198.51.100.%d\"]\n[[group.schedule]]\nfrom = %q\nto = %q\ntime_zone = \"UTC\"\n%s\n", i, 10+i, g.from, g.to, g.effect)
	}
	config := configuration(t, text, map[string]string{"ads.txt": "ads.example\n@@||www.example^\n", "social.txt": "tracker.example\n"})
	h.up(config)

	const ads, social, other, allowed = "plain.ads.example", "good.tracker.example", "two.example", "www.example"
	answers := map[string][]string{
		ads: {"198.51.100.92"}, social: {"198.51.100.91"}, other: {"198.51.100.1", "198.51.100.2"}, allowed: {"198.51.100.80"},
	}
	free := func(group int, name string) expected {
		return expected{fmt.Sprintf("-b 198.51.100.%d %s", 10+group, name), "NOERROR", answers[name], ""}
	}
	blocked := func(group int, name, reason string) expected {
		return expected{free(group, name).question, "NOERROR", null, reason}
	}
	window := "schedule daily " + near + "-" + far + " UTC"
	h.expect(
		blocked(0, ads, "ads:1 "), blocked(0, social, "social:1 "), free(0, other),
		blocked(1, ads, "ads:1 "), free(1, social),
		blocked(2, ads, "ads:1 "), blocked(2, other, "g2: "+window), free(2, allowed),
		free(3, ads), free(3, social),
		blocked(4, ads, "ads:1 "), free(4, other),
		// The lists of schedules are nobody else's.
		expected{social, "NOERROR", answers[social], ""},
	)
	explained := h.run(tundns, "explain", social, "--client", "198.51.100.10", "--config", config)
	if want := window + ": with the lists social"; !strings.Contains(explained, want) {
		t.Errorf("explain does not say %q:\n%s", want, explained)
	}
}
