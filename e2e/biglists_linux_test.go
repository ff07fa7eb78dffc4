package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReloadOfManyNames reloads a list of 200,000 names under a load of blocked
// and forwarded questions: none may be lost, and every answer must be right by
// the old or the new policy. It is not parallel, for the sake of the rate.
func TestReloadOfManyNames(t *testing.T) {
	const names, rounds = 200_000, 3
	perSecond := 5000
	if race {
		perSecond /= 5 // the race detector makes everything several times slower
	}
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	good := "state = \"state\"\n" + upstream(udp(l.far4)) + "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n"
	config := configuration(t, good, map[string]string{"ads.txt": numbered("ads", names)})
	list := filepath.Join(filepath.Dir(config), "ads.txt")
	a := h.up(config)

	round := func(i int) string { return fmt.Sprintf("round%d.wild.example.", i) }
	running := h.startFlood(perSecond, func(i int) string {
		switch i % 4 {
		case 0:
			return fmt.Sprintf("n%d.wild.example.", i%500)
		case 1:
			return round(i / 4 % rounds)
		}
		return fmt.Sprintf("ads%d.example.", i*7919%names)
	})
	start := time.Now()
	running.more(perSecond) // a quiet second
	quietUntil := time.Now()
	for i := range rounds {
		f, err := os.OpenFile(list, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = fmt.Fprintln(f, strings.TrimSuffix(round(i), "."))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		a.signal(syscall.SIGHUP)
		eventually(t, "the new rule in force", func() bool { return len(h.dig("@"+virtual4, round(i)).ede) == 1 })
		running.more(perSecond / 2)
	}
	// What is wrong never empties a policy.
	failures := func() float64 { return h.metrics().sum("tundns_reloads_total", `result="failure"`) }
	for _, spoil := range []func(){
		func() { rewrite(t, list, "<!DOCTYPE html>\n<html><body>moved</body></html>\n") },
		func() { rewrite(t, config, good+"[dns\n") },
		func() { rewrite(t, config, strings.Replace(good, "ads.txt", "gone.txt", 1)) },
	} {
		before := failures()
		spoil()
		a.signal(syscall.SIGHUP)
		eventually(t, "a failed reload", func() bool { return failures() > before })
		running.more(perSecond / 5)
	}
	all := running.stop()

	var quiet, busy delays
	changed := make(map[string]time.Time) // when the first answer by a new rule came
	for _, q := range all {
		if end := q.sent.Add(q.took); strings.HasPrefix(q.name, "round") && q.blocked && (changed[q.name].IsZero() || end.Before(changed[q.name])) {
			changed[q.name] = end
		}
	}
	wrong := 0
	for _, q := range all {
		isNew := !changed[q.name].IsZero() && q.sent.After(changed[q.name])
		mayBeBlocked := !strings.HasPrefix(q.name, "n")
		mustBeBlocked := strings.HasPrefix(q.name, "ads") || isNew
		right := q.rcode == 0 && (q.blocked && q.address == "0.0.0.0" && mayBeBlocked || !q.blocked && q.address == wild && !mustBeBlocked)
		if q.took == 0 || !right {
			if wrong++; wrong <= 10 {
				t.Errorf("%v after the start: %+v", q.sent.Sub(start), q)
			}
			continue
		}
		if q.sent.Before(quietUntil) {
			quiet = append(quiet, q.took)
		} else {
			busy = append(busy, q.took)
		}
	}
	if len(changed) != rounds {
		t.Errorf("%d of %d new rules were seen", len(changed), rounds)
	}
	if wrong > 0 {
		t.Errorf("%d of %d queries were lost or answered by neither policy", wrong, len(all))
	}
	if rate := float64(len(all)) / time.Since(start).Seconds(); rate < float64(perSecond)/2 {
		t.Errorf("only %.0f queries a second were asked", rate)
	}
	slices.Sort(quiet)
	slices.Sort(busy)
	t.Logf("quiet: %v; with reloads: %v", quiet, busy)
}

// TestCompiledLists starts tundns again with lists that are large enough to be
// kept compiled.
func TestCompiledLists(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const names = 20_000
	config := configuration(t, "state = \"state\"\n[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n", map[string]string{"ads.txt": numbered("ads", names)})
	dir := filepath.Dir(config)
	compiled := filepath.Join(dir, "state", "lists.compiled")
	run := func() os.FileInfo {
		t.Helper()
		a := h.up(config)
		defer a.stop()
		h.blocked("ads0.example", "ads:1 ")
		h.blocked(fmt.Sprintf("x.ads%d.example", names-1), fmt.Sprintf("ads:%d ", names))
		if n := h.metrics().sum("tundns_list_rules", `list="ads"`); n != names {
			t.Errorf("tundns_list_rules is %v, want %v", n, names)
		}
		info, err := os.Stat(compiled)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := run()
	if first.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", first.Mode())
	}
	// What cannot be used is replaced by another file.
	if again := run(); !os.SameFile(first, again) {
		t.Error("the compiled lists were not used")
	}
	text, err := os.ReadFile(compiled)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string][]byte{
		"a changed byte": slices.Concat(text[:len(text)/2], []byte{^text[len(text)/2]}, text[len(text)/2+1:]),
		"a lost end":     text[:len(text)-100],
		"nothing":        nil,
	} {
		before, err := os.Stat(compiled)
		if err == nil {
			err = os.WriteFile(compiled, damage, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		after := run()
		if os.SameFile(before, after) {
			t.Errorf("%s: the damaged file is still there", name)
		}
		if !os.SameFile(after, run()) {
			t.Errorf("%s: what replaced the damaged file was not used", name)
		}
	}
	// Of another list it is of no use.
	rewrite(t, filepath.Join(dir, "ads.txt"), numbered("other", names))
	h.up(config)
	h.blocked("other0.example", "ads:1 ")
}
