package cli

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	list := file(t, "ads.txt", "||ads.example^\n@@||ok.ads.example^\n")
	conf := file(t, "tundns.toml", "[[list]]\nname = \"ads\"\npath = \""+list+"\"\n[[group]]\nname = \"kids\"\nclients = [\"10.0.0.7\"]\nblock_with = \"nxdomain\"\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"x.ads.example"}, []string{"client group default", "ads:1 ||ads.example^", "blocked", "IN A 0.0.0.0", "EDE 15"}},
		{[]string{"x.ads.example", "--type", "HTTPS"}, []string{"blocked", "NODATA"}},
		{[]string{"x.ads.example", "--client", "10.0.0.7"}, []string{"client group kids", "answer: NXDOMAIN"}},
		{[]string{"OK.ads.example."}, []string{"ads:2 @@||ok.ads.example^", "ads:1 ||ads.example^", "allowed"}},
		{[]string{"example.org"}, []string{"no rule"}},
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
