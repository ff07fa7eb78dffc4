package cli

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tundns/resolver/upstream/upstreamtest"
)

// run runs a command line and returns what it printed and its exit code.
func run(args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = Main(args, &out, &err)
	return out.String(), err.String(), code
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVersion(t *testing.T) {
	if out, _, code := run("version"); code != 0 || out != "tundns "+Version+"\n" {
		t.Errorf("%d %q", code, out)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"up", "--nonsense"}, {"explain"}} {
		if _, stderr, code := run(args...); code != exitUsage || !strings.Contains(stderr, "tundns --help") {
			t.Errorf("%v: %d %q", args, code, stderr)
		}
	}
	if out, _, code := run("--help"); code != 0 || !strings.Contains(out, "explain") {
		t.Errorf("--help: %d %q", code, out)
	}
}

func TestCheck(t *testing.T) {
	list := file(t, "ads.txt", "||ads.example^\n||bad.example^$unknown\nads.example##.banner\n")
	conf := file(t, "tundns.toml", "[[list]]\nname = \"ads\"\npath = \""+list+"\"\n")
	out, stderr, code := run("check", "--config", conf)
	if code != 0 || stderr != "" || !strings.Contains(out, "list ads: 1 rules") || !strings.Contains(out, list+":2: ") || !strings.HasSuffix(out, "OK\n") {
		t.Errorf("%d %q %q", code, out, stderr)
	}
	if out, _, code := run("check"); code != 0 || !strings.Contains(out, "starter") {
		t.Errorf("defaults: %d %q", code, out)
	}
}

func TestOneClearLine(t *testing.T) {
	bad := file(t, "tundns.toml", "[dns]\nadresses = [\"10.30.30.30\"]\n")
	wg := file(t, "wg0.conf", "[Interface]\nPrivateKey = nonsense\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"check", "--config", bad}, bad + ":2:1: "},
		{[]string{"up", "--config", bad}, `"addresses"`},
		{[]string{"up", "--config", bad + ".missing"}, "no such file"},
		{[]string{"check", "--wg", wg}, wg + ":2: "},
		{[]string{"explain", "x", "--type", "NONSENSE"}, "not a DNS type"},
		{[]string{"explain", "x", "--client", "nobody"}, "not an IP address"},
		{[]string{"explain", "a..b"}, "a..b"},
		{[]string{"explain", "https://www.ads.example:8080/x?y"}, "tundns explain www.ads.example\n"},
	} {
		_, stderr, code := run(c.args...)
		if code != exitError || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "tundns: ") || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: %d %q", c.args, code, stderr)
		}
		if strings.Contains(stderr, "nonsense") {
			t.Errorf("%v: a key is printed: %q", c.args, stderr)
		}
	}
}

func TestExplain(t *testing.T) {
	server := upstreamtest.NewDNS(t, upstreamtest.Answer(300, netip.MustParseAddr("198.51.100.7")))
	list := file(t, "ads.txt", "||ads.example^\n@@||ok.ads.example^\n")
	conf := file(t, "tundns.toml", fmt.Sprintf(`
[[upstream]]
servers = ["udp://%s"]
[[list]]
name = "ads"
path = %q
[[group]]
name = "kids"
clients = ["10.0.0.7"]
block_with = "nxdomain"
`, server.Addr(), list))
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"x.ads.example"}, []string{"client group default", "ads:1 ||ads.example^", "blocked", "IN A 0.0.0.0", "EDE 15"}},
		{[]string{"x.ads.example", "--type", "HTTPS"}, []string{"blocked", "NODATA"}},
		{[]string{"x.ads.example", "--client", "10.0.0.7"}, []string{"client group kids", "answer: NXDOMAIN"}},
		{[]string{"OK.ads.example."}, []string{"ads:2 @@||ok.ads.example^", "ads:1 ||ads.example^", "allowed"}},
		{[]string{"example.org"}, []string{"no rule", "hop A 198.51.100.7", "answer: NOERROR"}},
	} {
		out, stderr, code := run(append([]string{"explain", "--config", conf}, c.args...)...)
		if code != 0 {
			t.Errorf("%v: %d %q", c.args, code, stderr)
		}
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%v: no %q in\n%s", c.args, w, out)
			}
		}
	}
}

func TestLint(t *testing.T) {
	good := file(t, "good.txt", "||ads.example^\n")
	bad := file(t, "bad.txt", "||ads.example^\n||x.ads.example^\n||y.example^$nonsense\n||ads.example^\n")
	if out, stderr, code := run("lists", "lint", good); code != 0 || out != "" || stderr != "" {
		t.Errorf("%d %q %q", code, out, stderr)
	}
	out, stderr, code := run("lists", "lint", bad)
	if code != exitError || stderr != "" || strings.Count(out, "\n") != 3 {
		t.Errorf("%d %q %q", code, out, stderr)
	}
	for _, w := range []string{bad + ":2: subsumed: ", bad + ":3: skipped: ", bad + ":4: duplicate: ||ads.example^ is at " + bad + ":1\n"} {
		if !strings.Contains(out, w) {
			t.Errorf("no %q in\n%s", w, out)
		}
	}
	t.Chdir(filepath.Dir(bad)) // findings name files as the command line does
	if out, _, _ := run("lists", "lint", "bad.txt"); !strings.HasPrefix(out, "bad.txt:2: ") {
		t.Errorf("%q", out)
	}
	if _, stderr, code := run("lists", "lint", "missing.txt"); code != exitError || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "missing.txt: no such file") {
		t.Errorf("%d %q", code, stderr)
	}
	if _, stderr, code := run("lists", "lint", "--format", "nonsense", good); code != exitError || !strings.Contains(stderr, "dnsmasq") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestDiff(t *testing.T) {
	was := file(t, "was.txt", "||ads.example^\n||gone.example^\n")
	is := file(t, "is.txt", "||ads.example^\n||x.ads.example^\n||new.example^\n")
	out, stderr, code := run("lists", "diff", was, is)
	want := "- " + was + ":2: ||gone.example^\n+ " + is + ":3: ||new.example^\n1 newly blocked, 1 no longer blocked\n"
	if code != 0 || stderr != "" || out != want {
		t.Errorf("%d %q\n%s", code, stderr, out)
	}
}

func TestNobodyToCommand(t *testing.T) {
	for _, args := range [][]string{{"pause", "10m"}, {"resume"}, {"lists", "refresh"}} {
		_, stderr, code := run(append(args, "--interface", "nobody-has-this")...)
		if code != exitError || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "nobody-has-this.sock") {
			t.Errorf("%v: %d %q", args, code, stderr)
		}
	}
	if _, _, code := run("pause", "ten minutes"); code != exitUsage {
		t.Errorf("%d", code)
	}
}

func TestNotify(t *testing.T) {
	if err := notify("READY=1"); err != nil {
		t.Errorf("without a service manager: %v", err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	if err := notify("READY=1"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	if n, err := l.Read(b); err != nil || string(b[:n]) != "READY=1" {
		t.Errorf("%q %v", b[:n], err)
	}
	l.Close()
	if notify("READY=1") == nil {
		t.Error("a dead socket is no error")
	}
}
