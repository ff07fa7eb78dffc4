package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var samplePath = filepath.Join("..", "contrib", "tundns.toml")

// The sample configuration says of its keys that they are the defaults.
func TestSampleIsDefault(t *testing.T) {
	c, err := Load(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !c.StarterList() {
		t.Error("the sample turns the starter list off")
	}
	if got, want := exported(c), exported(Default()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// sampleExamples returns the sample with its examples switched on.
func sampleExamples(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^#([^ \n])`).ReplaceAllString(string(data), "$1")
}

// The examples are right as well.
func TestSampleExamples(t *testing.T) {
	c, err := Parse(samplePath, []byte(sampleExamples(t)))
	if err != nil {
		t.Fatal(err)
	}
	c.Mode = ModeClient
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	want := Default()
	want.Mode = ModeClient
	want.Upstreams = append(want.Upstreams, Upstream{Name: "office", Strategy: "failover", Via: "direct", Servers: []Server{{URL: "udp://10.0.0.53"}},
		Domains: []Domain{{"corp.example", false}, {"intranet.example", true}, {"10.in-addr.arpa", false}}})
	want.WireGuard.Config = filepath.Join("..", "contrib", "wg0.conf")
	want.Local.Records = texts("nas.home.arpa A 192.168.1.5", "*.dev.home.arpa 300 A 192.168.1.10", "box.home.arpa CNAME nas.home.arpa")
	want.Local.Hosts = []string{"/etc/hosts"}
	want.Lists = []List{
		{Name: "ads", Path: filepath.Join("..", "contrib", "lists", "ads.txt"), Format: "auto", Action: "block", Subdomains: true},
		{Name: "social", URL: "https://lists.example/social.txt", Refresh: 24 * time.Hour, Format: "auto", Action: "block", Subdomains: true},
	}
	want.Groups = []Group{
		{Name: "kids", Clients: prefixes("10.0.0.7/32", "10.0.2.0/24", "fd00:2::/64"), Lists: []string{"ads"}, BlockWith: "null",
			Rules:      texts("||games.example^", "@@||school.example^"),
			SafeSearch: []string{"google", "bing", "duckduckgo", "youtube"}, BlockedTypes: []uint16{65, 255},
			Schedules: []Schedule{
				{Days: [7]bool{true, true, true, true, true, true}, From: 20 * 60, To: 7 * 60, Location: zone(t, "Europe/Berlin"), Lists: []string{"social"}},
				{Days: everyDay, From: 22*60 + 30, To: 6 * 60, Location: time.Local, Block: BlockEverything},
			}},
		{Name: "default", Lists: []string{"ads"}, BlockWith: "nxdomain"},
	}
	want.Tests = []Test{{Name: "ads.example.com", Type: 1, Client: netip.MustParseAddr("10.0.0.7"), Expect: ExpectBlocked}}
	if got := exported(c); !reflect.DeepEqual(got, exported(want)) {
		t.Errorf("got  %+v\nwant %+v", got, exported(want))
	}
}

// Whatever key the parser knows, the sample has.
func TestSampleIsComplete(t *testing.T) {
	sample := sampleExamples(t)
	for header, text := range map[string]string{
		"":                   "nonsense = 1",
		"[tun]":              "[tun]\nnonsense = 1",
		"[wireguard]":        "[wireguard]\nnonsense = 1",
		"[dns]":              "[dns]\nnonsense = 1",
		"[[upstream]]":       "[[upstream]]\nservers = [\"udp://192.0.2.1\"]\nnonsense = 1",
		"[bootstrap]":        "[bootstrap]\nnonsense = 1",
		"[cache]":            "[cache]\nnonsense = 1",
		"[local]":            "[local]\nnonsense = 1",
		"[[list]]":           "[[list]]\nname = \"a\"\npath = \"a\"\nnonsense = 1",
		"[[group]]":          "[[group]]\nname = \"default\"\nnonsense = 1",
		"[[group.schedule]]": "[[group]]\nname = \"default\"\n[[group.schedule]]\nblock = \"nothing\"\nnonsense = 1",
		"[[test]]":           "[[test]]\nname = \"a.example\"\nexpect = \"allowed\"\nnonsense = 1",
		"[metrics]":          "[metrics]\nnonsense = 1",
	} {
		_, err := Parse("f", []byte(text))
		if err == nil {
			t.Fatalf("%s takes nonsense", header)
		}
		_, keys, ok := strings.Cut(err.Error(), "the keys are ")
		if !ok {
			t.Fatalf("%s: %v", header, err)
		}
		section, under := sample, ""
		if header != "" {
			parts := strings.Split(sample, "\n"+header+"\n")
			if len(parts) == 1 {
				t.Errorf("the sample has no %s", header)
				continue
			}
			section = ""
			for _, part := range parts[1:] {
				part, _, _ = strings.Cut(part, "\n[")
				section += part + "\n"
			}
			under = strings.Trim(header, "[]") + "."
		}
		for key := range strings.SplitSeq(keys, ", ") {
			value := regexp.MustCompile(`(?m)^` + key + ` = `).MatchString(section)
			table := regexp.MustCompile(`(?m)^\[\[?` + regexp.QuoteMeta(under+key) + `\]\]?$`).MatchString(sample)
			if !value && !table {
				t.Errorf("the sample's %s has no %s", header, key)
			}
		}
	}
}
