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
	"tundns/resolver"
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

// judge returns what r's policy says when client asks for the address of name.
func judge(r *ruleset, client, name string) policy.Verdict {
	q := policy.Question{Name: dnswire.MustName(name), Type: dnswire.TypeA, Client: r.policy.Client(netip.MustParseAddr(client))}
	return q.Client.Group.Question(&q)
}

func TestStarterListIsInForceWithoutConfiguration(t *testing.T) {
	r, err := compilePolicy(context.Background(), config.Default(), offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.reports) != 1 || r.reports[0].Rules < 150 || r.reports[0].Skipped > 0 {
		t.Fatalf("%+v", r.reports)
	}
	if v := judge(r, "10.30.30.1", "ad.doubleclick.net"); v.Action != policy.Block {
		t.Errorf("%+v", v)
	}
	if v := judge(r, "10.30.30.1", "example.com"); v.Action == policy.Block {
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
		r, err := compilePolicy(context.Background(), parse(t, dir, c.conf), offline, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v := judge(r, c.client, c.name); v.Action != c.want {
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
	office := config.Upstream{Name: "office", Servers: []config.Server{{URL: "udp://192.0.2.53"}}, Strategy: "failover", Domains: []config.Domain{{Name: "corp.example"}}}
	with := func(groups ...config.Upstream) *config.Config {
		c := config.Default()
		c.Upstreams = append(groups, c.Upstreams...)
		return c
	}
	old, err := compile(ctx, with(office), offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	moved := office
	moved.Domains = []config.Domain{{Name: "other.example"}}
	fewer := with(office)
	fewer.Upstreams[1].Servers = fewer.Upstreams[1].Servers[1:]
	fast := office
	fast.Strategy = "fastest"
	for _, tt := range []struct {
		name string
		c    *config.Config
		kept []int // place in old of each group, -1 for a new one
	}{
		{"nothing changed", with(office), []int{0, 1}},
		{"other domains", with(moved), []int{0, 1}},
		{"one group less", with(), []int{1}},
		{"one server less", fewer, []int{0, -1}},
		{"another strategy", with(fast), []int{-1, 1}},
	} {
		next, err := compile(ctx, tt.c, offline, old)
		if err != nil {
			t.Fatal(err)
		}
		var kept []int
		for _, g := range next.upstreams {
			i := slices.Index(old.upstreams, g)
			if kept = append(kept, i); i < 0 {
				g.Close()
			}
		}
		if !slices.Equal(kept, tt.kept) {
			t.Errorf("%s: kept %v, want %v", tt.name, kept, tt.kept)
		}
	}
}

func TestRoutesOfConfiguration(t *testing.T) {
	c := parse(t, t.TempDir(), `
[[upstream]]
name = "office"
domains = ["corp.example", "10.0.0.0/8"]
servers = ["udp://192.0.2.53"]
[[upstream]]
name = "rest"
servers = ["udp://192.0.2.1", "udp://192.0.2.53"]
`)
	r, err := compile(t.Context(), c, offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	st := r.state()
	if st.Group != "rest" || st.Upstream != resolver.Exchanger(r.upstreams[1]) {
		t.Errorf("default group %s", st.Group)
	}
	for name, want := range map[string]string{"a.corp.example": "office", "4.3.2.10.in-addr.arpa": "office", "example": ""} {
		found := st.Routes.Find(dnswire.MustName(name))
		if (found == nil) != (want == "") || found != nil && (found.Group != want || found.Upstream != resolver.Exchanger(r.upstreams[0])) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	// A server in two groups is one line in the metrics.
	if s := states(r.upstreams); len(s) != 2 || s[0].Upstream != "udp://192.0.2.53" || s[1].Upstream != "udp://192.0.2.1" {
		t.Errorf("%+v", s)
	}
}

func TestDifference(t *testing.T) {
	dir := write(t, "ads.txt", "ads.example\nmore.example\n", "hosts", "10.0.0.1 a.example\n")
	load := func(text string) *ruleset {
		r, err := compilePolicy(t.Context(), parse(t, dir, text), offline, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const ads = "[[list]]\nname = \"ads\"\npath = \"ads.txt\"\n"
	for _, tt := range []struct {
		name      string
		old, next *ruleset
		want      []any
	}{
		{"nothing", load(ads), load(ads), nil},
		{"a list less", load(ads), load("[[group]]\nname = \"default\"\n"), []any{"ads", "gone"}},
		{"names", load(ads), load(ads + "[local]\nhosts = [\"hosts\"]\n"), []any{"names of our own", "2, were 0"}},
	} {
		if got := difference(tt.old, tt.next); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
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
