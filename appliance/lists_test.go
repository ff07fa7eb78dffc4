package appliance

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tundns/policy"
)

func TestOwnRules(t *testing.T) {
	dir := write(t, "ads.txt", "ads.example\n")
	conf := `
[[list]]
name = "ads"
path = "ads.txt"
[[group]]
name = "kids"
clients = ["10.0.2.0/24"]
lists = []
rules = ["||games.example^", "@@||school.games.example^", "*.zip"]
[[group]]
name = "default"
rules = ["@@||ads.example^"]
`
	r, err := compilePolicy(t.Context(), parse(t, dir, conf), offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		client, name string
		want         policy.Action
	}{
		{"10.0.2.1", "x.games.example", policy.Block},
		{"10.0.2.1", "school.games.example", policy.Allow},
		{"10.0.2.1", "files.zip", policy.Block}, // as wide as the user wants
		{"10.0.2.1", "ads.example", policy.None},
		{"10.0.9.1", "x.games.example", policy.None},
		{"10.0.9.1", "ads.example", policy.Allow},
	} {
		if v := judge(r, tt.client, tt.name); v.Action != tt.want {
			t.Errorf("%s asks %s: %v by %q", tt.client, tt.name, v.Action, v.Reason())
		}
	}
	if len(r.reports) != 1 || r.reports[0].List != "ads" {
		t.Errorf("reports of %+v", r.reports)
	}
	if v := judge(r, "10.0.2.1", "files.zip"); v.Reason() != "kids rules:3 ||zip^" {
		t.Errorf("%q", v.Reason())
	}
}

// TestMistakesAreShown: what is wrong with lines of the configuration that others
// read is told with their place.
func TestMistakesAreShown(t *testing.T) {
	for text, want := range map[string][]string{
		"[[group]]\nname = \"default\"\nrules = [\"||ok.example^\", \"||x.example^$nonsense\"]\n": {":3:27: ", "modifier"},
		"[[group]]\nname = \"default\"\nrules = [\"example.com##.banner\"]\n":                     {":3:10: ", "browsers"},
		"[local]\nrecords = [\"nas.home.arpa A 10.0.0.1\",\n\"nas.home.arpa A nonsense\"]\n":      {":3:1: ", "nonsense"},
		"[local]\nhosts = [\"missing\"]\n":                                                        {"missing"},
		"[[test]]\nname = \"doubleclick.net\"\nexpect = \"allowed\"\n":                            {":1:3: ", "doubleclick.net", "starter:"},
		"[[test]]\nname = \"example.com\"\nexpect = \"blocked\"\n\n[[test]]\nname = \"example.net\"\nexpect = \"rewritten\"\n": {
			":1:3: ", ":5:3: ", "example.com", "example.net"},
	} {
		_, err := Check(t.Context(), parse(t, t.TempDir(), text))
		if err == nil {
			t.Errorf("no error from %s", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("no %q in %v", w, err)
			}
		}
	}
	r, err := Check(t.Context(), parse(t, t.TempDir(), "[[test]]\nname = \"doubleclick.net\"\nexpect = \"blocked\"\n"))
	if err != nil || r.Tests != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFetchedLists: a list from a server is missing until it is fetched, and then
// used by every later ruleset, without the server too.
func TestFetchedLists(t *testing.T) {
	var body atomic.Value
	body.Store("ads.example\nmore.example\nthird.example\n")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(body.Load().(string)))
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	changed := make(chan struct{}, 10)
	with := surroundings{
		roots:   roots,
		changed: func() { changed <- struct{}{} },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "example.com:443" { // the test server's certificate is for that name
				return nil, fmt.Errorf("unexpected address %s", address)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, server.Listener.Addr().String())
		},
		fetches: nobody{},
	}
	dir := t.TempDir()
	conf := parse(t, dir, "state = \"state\"\n[[list]]\nname = \"ads\"\nurl = \"https://example.com/ads.txt\"\n")
	first, err := compilePolicy(t.Context(), conf, with, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	if len(first.missing) != 1 || judge(first, "10.0.0.1", "ads.example").Action != policy.None {
		t.Errorf("missing %v", first.missing)
	}
	first.refresher.Start()
	<-changed
	second, err := compilePolicy(t.Context(), conf, with, first)
	if err != nil {
		t.Fatal(err)
	}
	if second.refresher != first.refresher || len(second.missing) != 0 || judge(second, "10.0.0.1", "x.ads.example").Action != policy.Block {
		t.Errorf("missing %v", second.missing)
	}
	body.Store("<html>moved</html>")
	if err := second.refresher.Refresh(t.Context(), "ads"); err == nil {
		t.Error("a web page was taken")
	}
	third, err := compilePolicy(t.Context(), conf, offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer third.close()
	if third.refresher == second.refresher || judge(third, "10.0.0.1", "ads.example").Action != policy.Block {
		t.Errorf("the copy is not used; missing %v", third.missing)
	}
	copies, _ := filepath.Glob(filepath.Join(dir, "state", "lists", "*.list"))
	if len(copies) != 1 {
		t.Fatalf("%v in the state folder", copies)
	}
	if gone := third.gone(); len(gone) > 0 {
		t.Errorf("%v", gone)
	}
	if err := os.Remove(copies[0]); err != nil {
		t.Fatal(err)
	}
	if gone := third.gone(); !slices.Equal(gone, []string{"ads"}) {
		t.Errorf("%v", gone)
	}
	if _, err := compilePolicy(t.Context(), conf, with, second); err == nil || !strings.Contains(err.Error(), "list \"ads\": its copy is gone") {
		t.Errorf("a removed copy empties the list: %v", err)
	}
}

// TestLookingMakesNothing: who only looks at a configuration needs no right to
// write in the state folder, and is told when there are copies that he cannot
// read.
func TestLookingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	conf := parse(t, dir, "state = \"state\"\n[[list]]\nname = \"ads\"\nurl = \"https://example.com/ads.txt\"\n")
	r, err := Check(t.Context(), conf)
	if err != nil || !slices.Equal(r.Missing, []string{"ads"}) {
		t.Errorf("missing %v, %v", r.Missing, err)
	}
	state := filepath.Join(dir, "state")
	if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was made: %v", state, err)
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "lists"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), conf); err == nil || !strings.Contains(err.Error(), state) {
		t.Errorf("%v", err)
	}
}

// nobody is told of fetches.
type nobody struct{}

func (nobody) ListFetched(string, error) {}
