package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// TestPause suspends a group's policy by command, while it runs.
func TestPause(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.ip("address add " + kid + "/32 dev lo")
	// The name of the interface is that of the control socket as well, and all
	// hosts share the folder of those.
	const name = "e2epause0"
	a := h.up(configuration(t, upstream(udp(l.far4))+`
[tun]
name = "e2epause0"
[[list]]
name = "ads"
path = "ads.txt"
[[group]]
name = "kids"
clients = ["198.51.100.10"]
safe_search = ["google"]
`, map[string]string{"ads.txt": "ads.example\n"}))
	blocked := expected{"plain.ads.example", "NOERROR", null, "ads:1 "}
	blockedForKid := expected{"-b " + kid + " plain.ads.example", "NOERROR", null, "ads:1 "}
	free := expected{"-b " + kid + " plain.ads.example", "NOERROR", []string{"198.51.100.92"}, ""}
	h.expect(blocked, blockedForKid)

	if out := h.run(tundns, "pause", "10m", "--group", "kids", "--interface", name); !strings.HasPrefix(out, "client group kids: nothing is blocked until ") {
		t.Errorf("pause says %q", out)
	}
	h.expect(blocked, free, expected{"-b " + kid + " www.google.com", "NOERROR", []string{"198.51.100.60"}, ""})
	if m := h.metrics(); m.sum("tundns_policy_paused", `"kids"`) != 1 || m.sum("tundns_policy_paused", `"default"`) != 0 {
		t.Errorf("tundns_policy_paused is %v for kids, %v for others", m.sum("tundns_policy_paused", `"kids"`), m.sum("tundns_policy_paused", `"default"`))
	}
	before := h.metrics().sum("tundns_reloads_total", `result="success"`)
	a.signal(syscall.SIGHUP)
	eventually(t, "a reload", func() bool { return h.metrics().sum("tundns_reloads_total", `result="success"`) > before })
	h.expect(blocked, free) // a pause outlives a reload

	if out := h.run(tundns, "resume", "--interface", name); !strings.Contains(out, "blocking is in force") {
		t.Errorf("resume says %q", out)
	}
	h.expect(blocked, blockedForKid)

	if out := h.run(tundns, "pause", "1s", "--interface", name); !strings.HasPrefix(out, "all client groups: nothing is blocked until ") {
		t.Errorf("pause says %q", out)
	}
	eventually(t, "the end of the pause", func() bool { return len(h.dig("@"+virtual4, "plain.ads.example").ede) == 1 })

	for _, test := range []struct {
		args []string
		says []string
	}{
		{[]string{"pause", "10m", "--group", "kid"}, []string{`"kid"`, "kids", "default"}},
		{[]string{"resume", "--group", "kid"}, []string{`"kid"`, "kids", "default"}},
		{[]string{"pause", "100h"}, []string{"at most 24h"}},
		{[]string{"lists", "refresh"}, []string{"no list has a URL"}},
	} {
		h.refused(append(test.args, "--interface", name), test.says...)
	}
	h.refused([]string{"pause", "10m", "--interface", "e2enone0"}, "e2enone0")
	h.expect(blocked, blockedForKid)
}
