package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDownload fetches a list, by the address that the bootstrap server gives,
// and has everything go wrong with it that does: each time the last good copy
// stays in force, also over restarts.
func TestDownload(t *testing.T) {
	t.Parallel()
	h, far := newHost(t), newHost(t)
	l := h.cable(far, 1)
	const answer = "198.51.100.7"
	world := newScripted(t, answerA(answer, 300))
	world.serveUDP(far, l.far4)
	guide := newHost(t)
	toGuide := h.cable(guide, 2)
	asked := newScripted(t, answerA(l.far4.String(), 300))
	asked.serveUDP(guide, toGuide.far4)
	lists := newListServer(t)
	list := numbered("ads", 1000)
	lists.give(list, 0)

	const name = "e2efetch0" // of the control socket, too
	path := configuration(t, fmt.Sprintf(`
state = "state"
[tun]
name = %q
[bootstrap]
servers = [%s]
[[list]]
name = "ads"
url = "https://%s/list.txt"
`, name, udp(toGuide.far4), listName)+upstream(udp(l.far4)), nil)
	up := func() *appliance {
		t.Helper()
		cmd := exec.Command(tundns, "up", "--config", path)
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+lists.ca.file)
		return h.upCommand(cmd)
	}
	refresh := []string{"lists", "refresh", "--interface", name}
	const first, last = "ads0.example", "ads999.example"
	inForce := func() {
		t.Helper()
		h.expect(
			expected{first, "NOERROR", null, "ads:1 ||" + first + "^"},
			expected{last, "NOERROR", null, "ads:1000 ||" + last + "^"},
			expected{"www.example", "NOERROR", []string{answer}, ""},
		)
	}
	fetches := func(result string) float64 {
		return h.metrics().sum("tundns_list_fetches_total", `list="ads"`, fmt.Sprintf("result=%q", result))
	}

	// Nobody has the list yet: all is served without it.
	a := up()
	a.await(&a.stderr, `level=WARN msg="lists are missing until they are fetched" lists=\[ads\]`)
	eventually(t, "a failed fetch", func() bool { return fetches("network") == 1 })
	h.expect(expected{first, "NOERROR", []string{answer}, ""})
	h.refused(refresh, `"ads"`, "refused")
	if out := h.run(tundns, "check", "--config", path); !strings.Contains(out, "list ads: not fetched yet") {
		t.Errorf("check says:\n%s", out)
	}

	h.refused(append(refresh, "other"), `"other"`)
	lists.up(far, l.far4)
	if out := h.run(tundns, refresh...); out != "list ads: up to date\n" {
		t.Errorf("refresh says %q", out)
	}
	eventually(t, "the fetched list in force", func() bool { return len(h.dig("@"+virtual4, first).ede) == 1 })
	inForce()
	if names := asked.names(); len(names) != 1 || names[0] != listName+"." {
		t.Errorf("the bootstrap server was asked for %q", names)
	}
	if n := world.count(listName + "."); n != 0 {
		t.Errorf("the upstream server was asked %d times where the list is", n)
	}
	a.stop()

	// After a restart the copy serves, and asks whether it is still good.
	a = up()
	inForce()
	h.run(tundns, refresh...)
	if lists.given(http.StatusNotModified) != 1 || lists.given(http.StatusOK) != 1 {
		t.Errorf("the server gave the list %d times and said %d times that it has not changed, want one of each",
			lists.given(http.StatusOK), lists.given(http.StatusNotModified))
	}

	for _, test := range []struct {
		text   string
		status int
		result string
		says   string
	}{
		{"<!DOCTYPE html>\n<html><body>This site is for sale</body></html>\n", 0, "html", "HTML"},
		{numbered("ads", 100), 0, "shrunk", "100 rules instead of 1000"},
		{"", 0, "empty", "no rule"},
		{"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00", 0, "binary", "binary"},
		{list, http.StatusInternalServerError, "status", "500"},
	} {
		lists.give(test.text, test.status)
		h.refused(refresh, `"ads"`, test.says)
		if n := fetches(test.result); n != 1 {
			t.Errorf("tundns_list_fetches_total counts %v fetches with the result %s, want 1", n, test.result)
		}
		a.await(&a.stderr, `level=WARN .*list=ads.* reason=`+test.result)
		inForce()
	}
	// The list grows: that is taken.
	lists.give(list+"grown.example\n", 0)
	h.run(tundns, refresh...)
	eventually(t, "the new list in force", func() bool { return len(h.dig("@"+virtual4, "grown.example").ede) == 1 })
	inForce()
	a.stop()
	lists.down()

	up()
	inForce()
	h.expect(expected{"grown.example", "NOERROR", null, "ads:1001 "})
	h.refused(refresh, "refused")
	inForce()
	copies, err := filepath.Glob(filepath.Join(filepath.Dir(path), "state", "lists", "ads-*.list"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %q, %v; want one", copies, err)
	}
	if info, err := os.Stat(copies[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy: %v, %v; want mode 0600", info, err)
	}
}

// TestListsOfAReload has a reload bring a list with a URL, and move it to one that
// says nothing at first, has nothing then, and something else in the end: the list
// is never empty meanwhile.
func TestListsOfAReload(t *testing.T) {
	t.Parallel()
	h, far := newHost(t), newHost(t)
	l := h.cable(far, 1)
	// It says where the list is as well: without [bootstrap] the upstream
	// servers are asked for that.
	world := newScripted(t, answerA(l.far4.String(), 300))
	world.serveUDP(far, l.far4)
	lists := newListServer(t)
	lists.give(numbered("ads", 10), 0)
	lists.up(far, l.far4)
	without := "state = \"state\"\n" + upstream(udp(l.far4)) + "[[group]]\nname = \"default\"\n"
	with := without + "[[list]]\nname = \"ads\"\nurl = \"https://" + listName + "/list.txt"
	path := configuration(t, without, nil)
	up := func() *appliance {
		t.Helper()
		cmd := exec.Command(tundns, "up", "--config", path)
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+lists.ca.file)
		return h.upCommand(cmd)
	}
	copies := func() int {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "state", "lists", "*.list"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	blocked := func(name string) bool { return len(h.dig("@"+virtual4, name).ede) == 1 }
	free := expected{"ads9.example", "NOERROR", []string{l.far4.String()}, ""}
	inForce := expected{"ads9.example", "NOERROR", null, "ads:10 ||ads9.example^"}
	a := up()
	h.expect(free)

	rewrite(t, path, with+"\"\n")
	a.signal(syscall.SIGHUP)
	eventually(t, "the fetched list in force", func() bool { return blocked("ads9.example") })

	// The copy is that of another URL, which is better than none.
	lists.give("", silence)
	rewrite(t, path, with+"?moved\"\n")
	a.signal(syscall.SIGHUP)
	eventually(t, "a fetch that waits", func() bool { return lists.given(silence) > 0 })
	h.expect(inForce)
	a.stop()

	lists.give("", http.StatusNotFound)
	a = up()
	a.await(&a.stderr, `level=INFO msg="lists have other URLs now; .*" lists=\[ads\]`)
	a.await(&a.stderr, `level=WARN msg="the copy of a list from another URL stays in use" list=ads reason=status`)
	h.expect(inForce)
	if n := copies(); n != 1 {
		t.Errorf("%d copies, want that of the former URL", n)
	}
	a.stop()

	// The new URL's own list takes its place, however small it is.
	lists.give("moved.example\n", 0)
	a = up()
	eventually(t, "the list of the new URL in force", func() bool { return blocked("moved.example") })
	h.expect(free)
	a.stop()
	a = up()
	h.expect(free, expected{"moved.example", "NOERROR", null, "ads:1 "})
	eventually(t, "a folder without the former copy", func() bool { return copies() == 1 })
	a.stop()
}

// numbered is a list of domains: word0.example, word1.example and so on.
func numbered(word string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d.example\n", word, i)
	}
	return b.String()
}
