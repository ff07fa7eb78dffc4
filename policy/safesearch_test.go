package policy

import (
	"strings"
	"testing"

	"tundns/dnswire"
)

func TestSafeSearch(t *testing.T) {
	const google, bing, duck = "forcesafesearch.google.com", "strict.bing.com", "safe.duckduckgo.com"
	const strict, moderate = "restrict.youtube.com", "restrictmoderate.youtube.com"
	all := SafeGoogle | SafeBing | SafeDuckDuckGo | SafeYouTube
	for _, test := range []struct {
		engines    SafeSearch
		name, want string
	}{
		{all, "www.google.com", google},
		{all, "www.google.co.uk", google},
		{all, "www.google.com.au", google},
		{all, "www.google.de", google},
		{all, "www.google.cat", google},
		{all, "google.com", ""}, // it only sends browsers on
		{all, "mail.google.com", ""},
		{all, "x.www.google.com", ""},
		{all, "www.google.com.evil.example", ""},
		{all, "forcesafesearch.google.com", ""},
		{all, "www.bing.com", bing},
		{all, "strict.bing.com", ""},
		{all, "duckduckgo.com", duck},
		{all, "www.duckduckgo.com", duck},
		{all, "start.duckduckgo.com", duck},
		{all, "safe.duckduckgo.com", ""},
		{all, "www.youtube.com", strict},
		{all, "m.youtube.com", strict},
		{all, "youtubei.googleapis.com", strict},
		{all, "youtube.googleapis.com", strict},
		{all, "www.youtube-nocookie.com", strict},
		{all, "restrict.youtube.com", ""},
		{SafeYouTubeModerate, "www.youtube.com", moderate},
		{SafeYouTubeModerate, "www.google.com", ""},
		{SafeGoogle, "www.bing.com", ""},
		{SafeBing, "www.google.com", ""},
		{0, "www.google.com", ""},
	} {
		g := mustNew(t, nil, ClientGroup{Name: "kids", Clients: prefixes("10.0.0.0/8"), SafeSearch: test.engines}).Group("kids")
		for typ, leads := range map[uint16]bool{dnswire.TypeA: true, dnswire.TypeAAAA: true, dnswire.TypeHTTPS: true, dnswire.TypeCNAME: true, dnswire.TypeMX: false, dnswire.TypeTXT: false, dnswire.TypeNS: false} {
			q := ask(test.name)
			q.Type = typ
			v := g.Question(q)
			got := ""
			if v.Action == Rewrite {
				got = v.Reply.CNAME.Text()
			}
			want := test.want
			if !leads {
				want = ""
			}
			if got != want || (v.Cause == BySafeSearch) != (got != "") {
				t.Errorf("%v, %s type %d: %q, want %q", test.engines, test.name, typ, got, want)
			}
		}
	}
}

// Every country of Google's is there once; where they lead is in none of the
// tables, so that a rewrite is not rewritten again.
func TestSafeSearchTables(t *testing.T) {
	set := SafeGoogle | SafeBing | SafeDuckDuckGo | SafeYouTube
	table := set.table()
	if n := len(googleSites()); n < 180 || len(table) != n+1+3+5 {
		t.Errorf("%d of Google's sites, %d names", n, len(table))
	}
	for name, e := range table {
		if table[e.reply.CNAME] != nil {
			t.Errorf("%s leads to %s, which leads on", name, e.reply.CNAME)
		}
	}
	bing := dnswire.MustName("www.bing.com")
	p := mustNew(t, nil, ClientGroup{Name: "a", Clients: prefixes("10.0.0.0/8"), SafeSearch: set}, ClientGroup{Name: "b", Clients: prefixes("192.0.2.0/24"), SafeSearch: set}, ClientGroup{Name: "default", SafeSearch: SafeBing})
	a, b, rest := p.Group("a").search[bing], p.Group("b").search[bing], p.Group("default").search
	if a != b || len(rest) != 1 || rest[bing] == a {
		t.Error("only groups with the same engines share a table")
	}
}

func TestParseSafeSearch(t *testing.T) {
	var all SafeSearch
	for _, name := range []string{"google", "bing", "duckduckgo", "youtube", "youtube-moderate"} {
		s, err := ParseSafeSearch(name)
		if err != nil || s.String() != name || all&s != 0 {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		all |= s
	}
	if s, err := ParseSafeSearch("yahoo"); err == nil || s != 0 || !strings.Contains(err.Error(), "want google, bing") {
		t.Error(s, err)
	}
	for s, want := range map[SafeSearch]string{all: "choose one", 1 << 5: "unknown search engines 0x20"} {
		if _, err := New(Options{Groups: []ClientGroup{{Name: "default", SafeSearch: s}}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", s, err)
		}
	}
}
