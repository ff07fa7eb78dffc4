package appliance

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tundns/config"
	"tundns/dnswire"
	"tundns/policy"
)

// write makes files in a new folder, from "name", "content" pairs, and returns
// the folder.
func write(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, pairs[i]), []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func parse(t *testing.T, dir, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(filepath.Join(dir, "tundns.toml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStarterListIsInForceWithoutConfiguration(t *testing.T) {
	r, err := compilePolicy(context.Background(), config.Default())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.reports) != 1 || r.reports[0].Rules < 150 || r.reports[0].Skipped > 0 {
		t.Fatalf("%+v", r.reports)
	}
	g := r.policy.Group(netip.MustParseAddr("10.30.30.1"))
	if v := g.Question(dnswire.MustName("ad.doubleclick.net")); v.Action != policy.Block {
		t.Errorf("%+v", v)
	}
	if v := g.Question(dnswire.MustName("example.com")); v.Action == policy.Block {
		t.Errorf("%+v", v)
	}
}

func TestGroupsAndLists(t *testing.T) {
	dir := write(t, "ads.txt", "ads.example\n", "games.txt", "0.0.0.0 games.example\n", "never.txt", "ok.ads.example\n")
	lists := `
[[list]]
name = "ads"
path = "ads.txt"
[[list]]
name = "games"
path = "games.txt"
[[list]]
name = "never"
path = "never.txt"
action = "allow"
`
	groups := `
[[group]]
name = "kids"
clients = ["10.0.2.0/24"]
lists = ["ads", "games"]
block_with = "nxdomain"
[[group]]
name = "free"
clients = ["10.0.3.1"]
lists = []
`
	for _, c := range []struct {
		conf, client, name string
		want               policy.Action
	}{
		{lists, "10.9.9.9", "x.ads.example", policy.Block},
		{lists, "10.9.9.9", "ok.ads.example", policy.Allow},
		{lists, "10.9.9.9", "games.example", policy.Block},
		{lists, "10.9.9.9", "www.games.example", policy.None}, // a hosts line is exact
		{lists, "10.9.9.9", "doubleclick.net", policy.None},   // no starter list
		{lists + groups, "10.0.2.7", "games.example", policy.Block},
		{lists + groups, "10.0.2.7", "ok.ads.example", policy.Block}, // the group does not use the allow list
		{lists + groups, "10.0.3.1", "ads.example", policy.None},
		{lists + groups, "10.0.4.1", "ads.example", policy.Block},
	} {
		r, err := compilePolicy(context.Background(), parse(t, dir, c.conf))
		if err != nil {
			t.Fatal(err)
		}
		g := r.policy.Group(netip.MustParseAddr(c.client))
		if v := g.Question(dnswire.MustName(c.name)); v.Action != c.want {
			t.Errorf("%s asks %s: %v by %q", c.client, c.name, v.Action, v.Reason())
		}
	}
}

func TestUnreadableListIsAnError(t *testing.T) {
	c := parse(t, t.TempDir(), "[[list]]\nname = \"ads\"\npath = \"missing.txt\"\n")
	if _, err := Check(context.Background(), c); err == nil || !strings.Contains(err.Error(), "missing.txt") {
		t.Errorf("%v", err)
	}
}

func TestCAFile(t *testing.T) {
	dir := write(t, "empty.pem", "nothing here")
	for file, want := range map[string]string{filepath.Join(dir, "none.pem"): "no such file", filepath.Join(dir, "empty.pem"): "no PEM certificate"} {
		if _, err := caPool(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if pool, err := caPool(""); pool != nil || err != nil {
		t.Error(pool, err)
	}
}

func TestUpstreamsAreKeptWhenTheyDoNotChange(t *testing.T) {
	ctx := context.Background()
	c := config.Default()
	old, err := compile(ctx, c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	same, err := compile(ctx, config.Default(), nil, old)
	if err != nil || same.upstreams != old.upstreams {
		t.Errorf("upstreams were replaced: %v", err)
	}
	c2 := config.Default()
	c2.Upstreams[0].Servers = c2.Upstreams[0].Servers[1:]
	other, err := compile(ctx, c2, nil, old)
	if err != nil || other.upstreams == old.upstreams {
		t.Fatalf("upstreams were kept: %v", err)
	}
	other.close()
}

func TestFixedSettings(t *testing.T) {
	c := config.Default()
	if got := fixed(config.Default(), c); len(got) != 0 {
		t.Errorf("%v", got)
	}
	c.TUN.MTU, c.Cache.MaxBytes, c.Metrics.Listen = 1300, 1<<21, "127.0.0.1:1"
	c.Lists = append(c.Lists, config.List{Name: "x"})
	if got := fixed(config.Default(), c); !slices.Equal(got, []string{"tun", "cache", "metrics.listen"}) {
		t.Errorf("%v", got)
	}
}

func TestWatchedFiles(t *testing.T) {
	dir := write(t, "ads.txt", "ads.example\n")
	c := parse(t, dir, "[[list]]\nname = \"ads\"\npath = \"./ads.txt\"\n")
	if got := files(c); !slices.Equal(got, []string{filepath.Join(dir, "tundns.toml"), filepath.Join(dir, "ads.txt")}) {
		t.Errorf("%v", got)
	}
	if got := files(config.Default()); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
