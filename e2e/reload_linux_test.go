package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReload changes lists and configuration under load. No query may be lost,
// a new rule must count, and a broken file must change nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	good := upstream(udp(l.far4)) + "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n"
	config := configuration(t, good, map[string]string{"ads.txt": "old.wild.example\n"})
	list := filepath.Join(filepath.Dir(config), "ads.txt")
	a := h.up(config)

	running := h.startLoad(200, func(i int) string { return fmt.Sprintf("n%d.wild.example.", i%500) })
	isBlocked := func(name string) func() bool {
		return func() bool {
			r := h.dig("@"+virtual4, name)
			return len(r.ede) == 1 && strings.HasPrefix(r.ede[0], "15 ") && strings.Contains(r.ede[0], "ads:")
		}
	}
	reloads := func(result string) float64 {
		return h.metrics().sum("tundns_reloads_total", fmt.Sprintf("result=%q", result))
	}

	h.blocked("old.wild.example", "ads:1")
	h.ask("NOERROR", "@"+virtual4, "changed.wild.example") // and now it is cached

	rewrite(t, list, "old.wild.example\nchanged.wild.example\n")
	eventually(t, "a rule of the changed list in force", isBlocked("changed.wild.example"))

	// Many more in a row, by signal. A list may be read between the change and
	// the signal, and signals may run together: the last state counts.
	for i := range 30 {
		rewrite(t, list, fmt.Sprintf("old.wild.example\nround%d.wild.example\n", i))
		a.signal(syscall.SIGHUP)
	}
	eventually(t, "the last change in force", isBlocked("round29.wild.example"))
	if r := h.ask("NOERROR", "@"+virtual4, "changed.wild.example"); len(r.ede) != 0 {
		t.Errorf("still blocked after its rule has gone:\n%s", r.raw)
	}
	if reloads("success") == 0 {
		t.Error("tundns_reloads_total counts no success")
	}

	for _, test := range []struct{ text, said string }{
		{good + "[dns\n", `tundns\.toml:\d+:\d+: `},
		{good + "unheard_of = 1\n", `tundns\.toml:\d+:1: .*unheard_of`},
		{strings.Replace(good, "ads.txt", "gone.txt", 1), `gone\.txt`},
	} {
		before := reloads("failure")
		rewrite(t, config, test.text)
		a.signal(syscall.SIGHUP)
		a.await(&a.stderr, test.said)
		eventually(t, "a failure in tundns_reloads_total", func() bool { return reloads("failure") > before })
		h.blocked("round29.wild.example", "ads:2")
		h.ask("NOERROR", "@"+virtual4, "n1.wild.example")
	}

	rewrite(t, config, good)
	rewrite(t, list, "healed.wild.example\n")
	a.signal(syscall.SIGHUP)
	eventually(t, "the mended configuration in force", isBlocked("healed.wild.example"))

	samples := running.stop()
	t.Log(delaysOf(samples))
	for _, line := range lost(samples) {
		t.Error(line)
	}
}

// TestReloadUpstreams moves the upstream group to another server while queries
// run.
func TestReloadUpstreams(t *testing.T) {
	t.Parallel()
	f := newFailover(t)
	newScripted(t, answerA(fromFirst, 300)).serveUDP(f.first, f.to.far4)
	newScripted(t, answerA(fromSecond, 300)).serveUDP(f.second, f.next.far4)
	config := configuration(t, upstream(udp(f.to.far4)), nil)
	a := f.h.up(config)

	running := f.h.startLoad(100, func(i int) string { return fmt.Sprintf("n%d.example.", i) })
	answeredBy := func(addr string) func() bool {
		return func() bool {
			samples := running.done()
			return len(samples) > 0 && samples[len(samples)-1].address() == addr
		}
	}
	eventually(t, "answers of the first server", answeredBy(fromFirst))
	rewrite(t, config, upstream(udp(f.next.far4)))
	a.signal(syscall.SIGHUP)
	eventually(t, "answers of the second server", answeredBy(fromSecond))
	for _, line := range lost(running.stop()) {
		t.Error(line)
	}
}
