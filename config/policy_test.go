package config

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

// Lists that come from elsewhere than a file, and formats of all kinds.
func TestParseLists(t *testing.T) {
	for _, tt := range []struct {
		text string
		want List // but for its name
	}{
		{`path = "a"`, List{Path: "a", Format: "auto", Action: "block", Subdomains: true}},
		{"path = \"a\"\nurl = \"\"", List{Path: "a", Format: "auto", Action: "block", Subdomains: true}},
		{"url = \"https://lists.example/a?b=c\"\npath = \"\"", List{URL: "https://lists.example/a?b=c", Refresh: 24 * time.Hour, Format: "auto", Action: "block", Subdomains: true}},
		{"refresh = \"10m\"\nurl = \"HTTPS://192.0.2.1:8443/a\"", List{URL: "HTTPS://192.0.2.1:8443/a", Refresh: 10 * time.Minute, Format: "auto", Action: "block", Subdomains: true}},
		{"url = \"https://[2001:db8::1]\"\nrefresh = \"720h\"\naction = \"allow\"", List{URL: "https://[2001:db8::1]", Refresh: 720 * time.Hour, Format: "auto", Action: "allow", Subdomains: true}},
		{"path = \"a\"\nformat = \"dnsmasq\"", List{Path: "a", Format: "dnsmasq", Action: "block", Subdomains: true}},
		{"path = \"a\"\nformat = \"unbound\"", List{Path: "a", Format: "unbound", Action: "block", Subdomains: true}},
		{"path = \"a\"\nformat = \"rpz\"", List{Path: "a", Format: "rpz", Action: "block", Subdomains: true}},
		{"path = \"a\"\nsubdomains = false", List{Path: "a", Format: "auto", Action: "block"}},
	} {
		c := parse(t, "[[list]]\nname = \"x\"\n"+tt.text)
		tt.want.Name = "x"
		if !reflect.DeepEqual(c.Lists, []List{tt.want}) || c.StarterList() {
			t.Errorf("%s\ngot  %+v\nwant %+v", tt.text, c.Lists, tt.want)
		}
	}
}

// What a group has besides clients, lists and a block mode.
func TestParseGroup(t *testing.T) {
	const (
		all     = "\n[[group.schedule]]\nblock = \"everything\"\n"
		minutes = 60
	)
	window := func(change func(*Schedule)) func(*Group) {
		return func(g *Group) {
			s := Schedule{Days: everyDay, To: 24 * minutes, Location: time.Local, Block: BlockEverything}
			change(&s)
			g.Schedules = []Schedule{s}
		}
	}
	const sun, mon, tue, fri, sat = time.Sunday, time.Monday, time.Tuesday, time.Friday, time.Saturday
	days := func(on ...time.Weekday) func(*Group) {
		return window(func(s *Schedule) {
			s.Days = [7]bool{}
			for _, day := range on {
				s.Days[day] = true
			}
		})
	}
	for _, tt := range []struct {
		text   string
		change func(*Group)
	}{
		{"", func(*Group) {}},
		{"rules = []\nblocked_types = []\nschedule = []\nsafe_search = []", func(*Group) {}},
		{`rules = ["||a.example^", " /a|b/ ", "@@||c.example^\t$important"]`, func(g *Group) {
			g.Rules = texts("||a.example^", "/a|b/", "@@||c.example^\t$important")
		}},
		{"safe_search = false", func(*Group) {}},
		{"safe_search = true", func(g *Group) { g.SafeSearch = []string{"google", "bing", "duckduckgo", "youtube"} }},
		{`safe_search = ["youtube-moderate", "bing"]`, func(g *Group) { g.SafeSearch = []string{"youtube-moderate", "bing"} }},
		{`blocked_types = ["aaaa", "HTTPS", "TYPE64", "type1", "ANY", "TYPE65534"]`, func(g *Group) {
			g.BlockedTypes = []uint16{28, 65, 64, 1, 255, 65534}
		}},
		{all, window(func(*Schedule) {})},
		{"[[group.schedule]]\nblock = \"nothing\"", window(func(s *Schedule) { s.Block = BlockNothing })},
		{all + "from = \"20:00\"\nto = \"07:01\"", window(func(s *Schedule) { s.From, s.To = 20*minutes, 7*minutes+1 })},
		{all + "to = \"24:00\"\nfrom = \"23:59\"", window(func(s *Schedule) { s.From = 24*minutes - 1 })},
		{all + "to = \"00:00\"\nfrom = \"00:01\"", window(func(s *Schedule) { s.From, s.To = 1, 0 })},
		{all + `time_zone = "UTC"`, window(func(s *Schedule) { s.Location = time.UTC })},
		{all + `time_zone = "Local"`, window(func(*Schedule) {})},
		{all + `time_zone = "Pacific/Apia"`, window(func(s *Schedule) { s.Location = zone(t, "Pacific/Apia") })},
		{all + `days = ["mon"]`, days(mon)},
		{all + `days = ["fri-mon"]`, days(fri, sat, sun, mon)},
		{all + `days = ["tue-tue", "sun-mon"]`, days(sun, mon, tue)},
		{all + `days = ["mon-sun"]`, window(func(*Schedule) {})},
		{all + "[[group.schedule]]\nblock = \"nothing\"\nto = \"12:00\"", func(g *Group) {
			g.Schedules = []Schedule{
				{Days: everyDay, To: 24 * minutes, Location: time.Local, Block: BlockEverything},
				{Days: everyDay, To: 12 * minutes, Location: time.Local, Block: BlockNothing},
			}
		}},
		{"schedule = [{ block = \"everything\" }]", window(func(*Schedule) {})},
	} {
		c := parse(t, "[[group]]\nname = \"default\"\n"+tt.text)
		want := Group{Name: "default", BlockWith: "null"}
		tt.change(&want)
		if got := exported(c).Groups; !reflect.DeepEqual(got, []Group{want}) {
			t.Errorf("%s\ngot  %+v\nwant %+v", tt.text, got, want)
		}
	}
}

// A list that any schedule names is in no group's lists unless the group names it.
func TestScheduledLists(t *testing.T) {
	c := parse(t, `
[[group]]
name = "kids"
clients = ["10.0.0.7"]
[[group.schedule]]
lists = ["social", "games"]
[[group]]
name = "teens"
clients = ["10.0.0.8"]
lists = ["social"]
schedule = [{ lists = ["games"] }]
[[group]]
name = "parents"
clients = ["10.0.0.9"]
[[list]]
name = "social"
path = "s"
[[list]]
name = "ads"
path = "a"
[[list]]
name = "games"
path = "g"
[[list]]
name = "malware"
path = "m"
`)
	want := map[string][]string{
		"kids":    {"ads", "malware"},
		"teens":   {"social"},
		"parents": {"ads", "malware"},
		"default": {"ads", "malware"},
	}
	for _, g := range c.Groups {
		if !slices.Equal(g.Lists, want[g.Name]) {
			t.Errorf("group %s has the lists %q, want %q", g.Name, g.Lists, want[g.Name])
		}
		g.Lists[0] = "changed" // which changes no other group
	}
	if got := c.Groups[0].Schedules[0].Lists; !slices.Equal(got, []string{"social", "games"}) {
		t.Errorf("the schedule has the lists %q", got)
	}
}

func TestParseTests(t *testing.T) {
	c := parse(t, `[[test]]
name = "Ads.Example.COM."
expect = "blocked"
[[test]]
name = "bücher.example"
type = "https"
client = "fd00::7"
expect = "rewritten"
[[test]]
name = "_dns.resolver.arpa"
type = "TYPE64"
expect = "allowed"
`)
	want := []Test{
		{Name: "ads.example.com", Type: 1, Expect: ExpectBlocked, At: Position{1, 3}},
		{Name: "xn--bcher-kva.example", Type: 65, Client: netip.MustParseAddr("fd00::7"), Expect: ExpectRewritten, At: Position{4, 3}},
		{Name: "_dns.resolver.arpa", Type: 64, Expect: ExpectAllowed, At: Position{9, 3}},
	}
	if !reflect.DeepEqual(c.Tests, want) {
		t.Errorf("got  %+v\nwant %+v", c.Tests, want)
	}
	if !c.StarterList() {
		t.Error("tests turn the starter list off")
	}
}

// Texts that others read know where they are.
func TestTextsHavePlaces(t *testing.T) {
	c := parse(t, "\ufeff[local]\r\nrecords = [ \"a A 192.0.2.1\", # one\n  'b A 192.0.2.2']\n"+
		"[[group]]\nname = \"default\"\nrules = [\n\t\"\"\"\n||a^\"\"\", \"||b^\"]")
	if want := []Text{{"a A 192.0.2.1", Position{2, 13}}, {"b A 192.0.2.2", Position{3, 3}}}; !slices.Equal(c.Local.Records, want) {
		t.Errorf("records %+v", c.Local.Records)
	}
	if want := []Text{{"||a^", Position{7, 2}}, {"||b^", Position{8, 10}}}; !slices.Equal(c.Groups[0].Rules, want) {
		t.Errorf("rules %+v", c.Groups[0].Rules)
	}
	if got := c.Errorf(c.Local.Records[1].At, "no %s", "good").Error(); got != "tundns.toml:3:3: no good" {
		t.Errorf("got %s", got)
	}
	if got := c.Errorf(Position{}, "bad").Error(); got != "tundns.toml:1:1: bad" {
		t.Errorf("without a place: %s", got)
	}
	if got := Default().Errorf(Position{}, "bad").Error(); got != "bad" {
		t.Errorf("without a file: %s", got)
	}
}

// Every offset of a file, and the one behind it.
func TestPositions(t *testing.T) {
	data := []byte("\na\n\nbc\r\n")
	want := Position{1, 1}
	for i := range len(data) + 1 {
		if got := linesOf(data).position(i); got != want {
			t.Errorf("offset %d: got %v, want %v", i, got, want)
		}
		want.Column++
		if i < len(data) && data[i] == '\n' {
			want = Position{want.Line + 1, 1}
		}
	}
}

func TestLocalHosts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etc")
	c, err := Parse(filepath.Join(dir, "tundns.toml"), []byte("state = \"lists\"\n[local]\nhosts = [\"hosts\", '"+filepath.Join(dir, "..", "hosts")+"']\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "hosts"), filepath.Join(filepath.Dir(dir), "hosts")}; !slices.Equal(c.Local.Hosts, want) {
		t.Errorf("got %q, want %q", c.Local.Hosts, want)
	}
	if want := filepath.Join(dir, "lists"); c.State != want {
		t.Errorf("state is %s, want %s", c.State, want)
	}
	if !c.StarterList() || !c.IsSet("local.hosts") || c.IsSet("local.records") || !c.IsSet("state") {
		t.Error("the starter list is off, or a key is not known to be set")
	}
}

func TestRebinding(t *testing.T) {
	c := parse(t, "[dns]\nrebinding_allow = [\"Plex.Direct.\", \"bücher.example\"]\nrebinding_protection = true\ncanaries = false\n")
	want := Default().DNS
	want.Canaries, want.RebindingProtection, want.RebindingAllow = false, true, []string{"plex.direct", "xn--bcher-kva.example"}
	if !reflect.DeepEqual(c.DNS, want) {
		t.Errorf("got %+v, want %+v", c.DNS, want)
	}
}

// Every minute of a day, and what is next to one.
func TestParseClock(t *testing.T) {
	for want := range 24*60 + 1 {
		text := time.Date(2000, 1, 1, 0, want, 0, 0, time.UTC).Format("15:04")
		if want == 24*60 {
			text = "24:00"
		}
		if got, ok := parseClock(text); !ok || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ":", "7:00", "07:0", "007:00", "07:60", "24:01", "99:99", "-1:00", "07-00", "07:00:00", "0７:0", "+7:00", "07:00\n", "७:00"} {
		if got, ok := parseClock(text); ok {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}
