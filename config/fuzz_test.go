package config

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// FuzzParse looks for four things: no panic; errors that lie in the file and ascend; a
// Config that keeps its promises; a tree that is the document as go-toml itself sees it.
func FuzzParse(f *testing.F) {
	sample, err := os.ReadFile(samplePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	for _, text := range []string{
		"", "\ufeffmode = \"client\"\r\n", "mode = \"gateway", "a.b.c = 1\n[a.b]\nd = [[1, {}], [{x.y = 2}]]",
		"[[a.b]]\nx = 1\n[a.b.c]\n[[a.b]]\n\"\" = ''\n[a.b.c.d]", "[x]\n[x.y]\n[[x.y.z]]\n[x.y.z.w]",
		"tun = { mtu = 0x500, addresses = [\"10.0.0.1\"] }\ndns.addresses = [\"10.0.0.53\"]",
		"[[upstream]]\n[[upstream.servers]]\nurl = \"https://dns.example/q\"\naddresses = [\"192.0.2.1\"]",
		"[[list]]\nname = \"a\"\npath = \"a\"\n[[group]]\nname = \"k\"\nclients = [\"10.0.0.0/8\", \"fd00::/8\"]\nlists = [\"a\"]\nblock_with = \"::\"",
		"[cache]\nmax_bytes = 1_048_576\nstale_for = '0s'\n[metrics]\nlisten = \":9153\"",
		"x = 1979-05-27T07:32:00Z\ny = 1e5\nz = inf\nw = \"\"\"\n\u00e9\\u00e9\"\"\"",
		"[[upstream]]\nservers = [\"udp://192.0.2.1\"]\n[[upstream]]\nname = \"o\"\ndomains = [\"=a.example\", \"10.0.0.0/9\"]\nservers = [\"udp://192.0.2.1\"]",
		"[[list]]\nname = \"a\"\nurl = \"https://lists.example/a\"\nrefresh = \"1h\"\nformat = \"rpz\"\n[[group]]\nname = \"default\"\n[[group.schedule]]\nlists = [\"a\"]\ndays = [\"sat-mon\"]\nfrom = \"20:00\"\nto = \"07:00\"\ntime_zone = \"UTC\"",
		"[[group]]\nname = \"default\"\nsafe_search = true\nblocked_types = [\"TYPE65\", \"any\"]\nschedule = [{block = \"nothing\", to = \"00:00\", from = \"00:01\"}, {}]",
		"[[group]]\nname = \"default\"\nrules = [\"/\", \"//\", \"||\", \"||^\", \"@@\", \"@@||^\", \"*.\", \".\", \"=\", \"xn--\", \"\\u0000\", \"\\ufeff\", \"\\r\\n\", \" x \"]",
		"state = \"s\"\n[local]\nrecords = [\"a A 192.0.2.1\", '''\n*.a 1 TXT \"b\"''']\nhosts = [\"h\", \"./h\", \"\"]",
		"[dns]\nrebinding_protection = true\nrebinding_allow = [\"b\u00fccher.example\", \".\", \"*.\", \"xn--\"]\ncanaries = false",
		"[[test]]\nname = \"a.example\"\ntype = \"https\"\nclient = \"::1\"\nexpect = \"rewritten\"\n[[test]]\nname = \"=\"\nexpect = \"allowed\"",
		"x = 99999999999999999999", "\x00", "[", "=", "x = [", "x = {a = 1, a = 2}", "#\r", "x = \"\xff\"",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := bytes.Clone(data)
		c, err := Parse("dir/f", data)
		if !bytes.Equal(data, kept) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			checkErrors(t, data, err)
		} else {
			checkConfig(t, c)
		}
		checkTree(t, data)
	})
}

func checkErrors(t *testing.T, data []byte, err error) {
	t.Helper()
	errs, ok := errors.AsType[Errors](err)
	if !ok || len(errs) == 0 || len(errs) > maxErrors {
		t.Fatalf("%T with %d errors", err, len(errs))
	}
	lines := bytes.Split(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\n"))
	last := Position{1, 1}
	for _, e := range errs {
		if e.Line < last.Line || e.Line == last.Line && e.Column < last.Column {
			t.Fatalf("%d:%d stands after %v", e.Line, e.Column, last)
		}
		if e.Line > len(lines) || e.Column > len(lines[e.Line-1])+1 {
			t.Fatalf("%d:%d is not in the file: %s", e.Line, e.Column, e.Message)
		}
		if e.Message == "" || strings.ContainsAny(e.Message, "\r\n\x00\x1b") {
			t.Fatalf("message %q", e.Message)
		}
		last = Position{e.Line, e.Column}
	}
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	bad := func(what any) {
		t.Helper()
		t.Fatalf("%+v\nin %+v", what, c)
	}
	if c.Mode != ModeDNS && c.Mode != ModeClient || c.TUN.Name == "" || len(c.TUN.Name) > 15 || c.TUN.MTU < minMTU || c.TUN.MTU > maxMTU {
		bad(c.TUN)
	}
	if len(c.DNS.Addresses) == 0 || c.DNS.Hijack || c.Cache.MaxBytes < minCache || c.Cache.StaleFor < 0 {
		bad(c.DNS)
	}
	for _, a := range c.DNS.Addresses {
		if !a.IsValid() || a.Is6() && c.TUN.MTU < minMTU6 || a.IsMulticast() || a.Zone() != "" {
			bad(a)
		}
		family := false
		for _, p := range c.TUN.Addresses {
			if p.Addr() == a || !p.IsValid() {
				bad(p)
			}
			family = family || p.Addr().Is4() == a.Is4()
		}
		if !family {
			bad(a)
		}
	}
	rest, names, domains := 0, map[string]bool{}, map[Domain]bool{}
	for _, u := range c.Upstreams {
		if names[u.Name] || len(u.Servers) == 0 {
			bad(u)
		}
		names[u.Name] = true
		if len(u.Domains) == 0 {
			rest++
		}
		for _, domain := range u.Domains {
			if domains[domain] {
				bad(domain)
			}
			domains[domain] = true
		}
		for _, s := range u.Servers {
			if s.addr().IsValid() == (len(s.Addresses) > 0) {
				bad(s)
			}
		}
	}
	if rest != 1 {
		bad(c.Upstreams)
	}
	lists := map[string]bool{}
	for _, l := range c.Lists {
		if l.Name == "" || lists[l.Name] || (l.Path == "") == (l.URL == "") || (l.URL == "") == (l.Refresh >= minRefresh) || l.Refresh > maxRefresh {
			bad(l)
		}
		lists[l.Name] = true
	}
	checkGroups(t, c, lists)
	if c.StarterList() && (len(c.Lists) > 0 || len(c.Groups) != 1) {
		bad("starter list")
	}
}

// checkGroups checks the promises about client groups and what else is the policy; lists are
// the names of all lists.
func checkGroups(t *testing.T, c *Config, lists map[string]bool) {
	t.Helper()
	bad := func(what any) {
		t.Helper()
		t.Fatalf("%+v\nin %+v", what, c)
	}
	checkTexts := func(texts []Text) {
		t.Helper()
		for _, text := range texts {
			if text.Value != strings.TrimSpace(text.Value) || text.Value == "" || strings.ContainsAny(text.Value, "\r\n\x00") || text.At.Line < 1 || text.At.Column < 1 {
				bad(text)
			}
		}
	}
	groups := map[string]bool{}
	for i, g := range c.Groups {
		if g.Name == "" || groups[g.Name] || g.BlockWith == "" || (g.Name == defaultGroup) != (i == len(c.Groups)-1) || (g.Name == defaultGroup) != (len(g.Clients) == 0) {
			bad(g)
		}
		groups[g.Name] = true
		for _, name := range g.Lists {
			if !lists[name] {
				bad(g)
			}
		}
		checkTexts(g.Rules)
		types := map[uint16]bool{}
		for _, typ := range g.BlockedTypes {
			if types[typ] || typ == 0 {
				bad(g)
			}
			types[typ] = true
		}
		for _, s := range g.Schedules {
			if s.Days == [7]bool{} || s.From < 0 || s.From >= endOfDay || s.To < 0 || s.To > endOfDay || s.From == s.To || s.Location == nil || (s.Block == "") != (len(s.Lists) > 0) {
				bad(s)
			}
			for _, name := range s.Lists {
				if !lists[name] || slices.Contains(g.Lists, name) {
					bad(s)
				}
			}
		}
		for _, p := range g.Clients {
			if !p.IsValid() || p != p.Masked() {
				bad(g)
			}
		}
	}
	checkTexts(c.Local.Records)
	for _, test := range c.Tests {
		if again, ok := parseName(test.Name); !ok || again != test.Name || test.Type == 0 || test.Expect == "" || test.At.Line < 1 {
			bad(test)
		}
	}
	for _, name := range c.DNS.RebindingAllow {
		if again, ok := parseName(name); !ok || again != name || !c.DNS.RebindingProtection {
			bad(name)
		}
	}
}

// checkTree compares parseTree with what go-toml decodes into maps.
func checkTree(t *testing.T, data []byte) {
	t.Helper()
	want := map[string]any{}
	if toml.Unmarshal(data, &want) != nil {
		return
	}
	root, err := parseTree(data)
	if err != nil {
		t.Fatalf("go-toml takes it, the tree has: %v", err)
	}
	sameTree(t, data, root, want)
}

func sameTree(t *testing.T, data []byte, n *node, want any) {
	t.Helper()
	if n.at < 0 || n.at > len(data) {
		t.Fatalf("%s is at %d of %d", n.name, n.at, len(data))
	}
	switch want := want.(type) {
	case map[string]any:
		var names []string
		for _, e := range n.entries {
			names = append(names, e.name)
			if n.get(e.name) != e || e.value.name != e.name {
				t.Fatalf("entry %q is not found", e.name)
			}
			sameTree(t, data, e.value, want[e.name])
		}
		slices.Sort(names)
		if n.kind != unstable.Table || !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("%s %q has %q, want %v", kindName(n.kind), n.name, names, want)
		}
	case []any:
		if n.kind != unstable.Array || len(n.items) != len(want) {
			t.Fatalf("%s %q has %d items, want %v", kindName(n.kind), n.name, len(n.items), want)
		}
		for i := range want {
			sameTree(t, data, n.items[i], want[i])
		}
	case string:
		if n.kind != unstable.String || n.text != want {
			t.Fatalf("%s %q is %q, want %q", kindName(n.kind), n.name, n.text, want)
		}
		if data[n.at] != '"' && data[n.at] != '\'' {
			t.Fatalf("%q is at %d, which is %q", n.name, n.at, data[n.at])
		}
	case bool:
		if n.kind != unstable.Bool || (n.text == "true") != want || n.text[0] != data[n.at] {
			t.Fatalf("%s %q is %q, want %v", kindName(n.kind), n.name, n.text, want)
		}
	default:
		if n.text == "" || n.entries != nil || n.items != nil || n.text[0] != data[n.at] {
			t.Fatalf("%s %q is %q, want %v", kindName(n.kind), n.name, n.text, want)
		}
	}
}
