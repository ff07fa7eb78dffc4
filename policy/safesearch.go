package policy

import (
	"fmt"
	"strings"

	"tundns/blocklists"
	"tundns/dnswire"
)

// SafeSearch is a set of search engines that are sent to their filtered selves,
// by the CNAMEs that their providers document for networks.
type SafeSearch uint8

// The search engines. YouTube has two grades, of which one can be chosen.
const (
	SafeGoogle SafeSearch = 1 << iota
	SafeBing
	SafeDuckDuckGo
	SafeYouTube         // strict
	SafeYouTubeModerate // fewer videos are hidden
)

// engine is a search engine and where it is sent.
type engine struct {
	reply  *blocklists.Reply
	reason string
}

var engineNames = []struct {
	set  SafeSearch
	name string
}{
	{SafeGoogle, "google"},
	{SafeBing, "bing"},
	{SafeDuckDuckGo, "duckduckgo"},
	{SafeYouTube, "youtube"},
	{SafeYouTubeModerate, "youtube-moderate"},
}

// ParseSafeSearch reads the name of one engine: google, bing, duckduckgo,
// youtube or youtube-moderate.
func ParseSafeSearch(name string) (SafeSearch, error) {
	for _, e := range engineNames {
		if e.name == name {
			return e.set, nil
		}
	}
	return 0, fmt.Errorf("unknown search engine %q: want google, bing, duckduckgo, youtube or youtube-moderate", name)
}

// String returns the names of the engines with commas between them.
func (s SafeSearch) String() string {
	var names []string
	for _, e := range engineNames {
		if s&e.set != 0 {
			names = append(names, e.name)
		}
	}
	return strings.Join(names, ",")
}

// leadsBrowsers reports whether browsers come to a site by records of typ.
// Others are left alone: mail for duckduckgo.com goes where it always went.
func leadsBrowsers(typ uint16) bool {
	switch typ {
	case dnswire.TypeA, dnswire.TypeAAAA, dnswire.TypeCNAME, dnswire.TypeSVCB, dnswire.TypeHTTPS:
		return true
	}
	return false
}

func (s SafeSearch) check() error {
	switch {
	case s >= SafeYouTubeModerate<<1:
		return fmt.Errorf("unknown search engines %#x", uint8(s))
	case s&SafeYouTube != 0 && s&SafeYouTubeModerate != 0:
		return fmt.Errorf("safe search cannot be both youtube and youtube-moderate: choose one")
	}
	return nil
}

// safeSearch returns the engines of the set by the names they are asked for with,
// nil for the empty set. Groups with the same set share it.
func (p *Policy) safeSearch(s SafeSearch) map[dnswire.Name]*engine {
	if s == 0 {
		return nil
	}
	t, ok := p.engines[s]
	if !ok {
		if p.engines == nil {
			p.engines = make(map[SafeSearch]map[dnswire.Name]*engine)
		}
		t = s.table()
		p.engines[s] = t
	}
	return t
}

func (s SafeSearch) table() map[dnswire.Name]*engine {
	t := make(map[dnswire.Name]*engine)
	add := func(set SafeSearch, target string, names ...string) {
		if s&set == 0 {
			return
		}
		e := &engine{&blocklists.Reply{CNAME: dnswire.MustName(target)}, "safe search: " + set.String()}
		for _, name := range names {
			t[dnswire.MustName(name)] = e
		}
	}
	add(SafeGoogle, "forcesafesearch.google.com", googleSites()...)
	add(SafeBing, "strict.bing.com", "www.bing.com")
	add(SafeDuckDuckGo, "safe.duckduckgo.com", "duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com")
	youtube := []string{"www.youtube.com", "m.youtube.com", "youtubei.googleapis.com", "youtube.googleapis.com", "www.youtube-nocookie.com"}
	add(SafeYouTube, "restrict.youtube.com", youtube...)
	add(SafeYouTubeModerate, "restrictmoderate.youtube.com", youtube...)
	return t
}

// googleSites returns the names of Google's search in all countries: www.google
// before each of its suffixes. The bare names only send browsers on to these.
func googleSites() []string {
	sites := []string{"www.google.com"}
	for tld := range strings.FieldsSeq(googleTLDs) {
		sites = append(sites, "www.google."+tld)
	}
	for tld := range strings.FieldsSeq(googleComTLDs) {
		sites = append(sites, "www.google.com."+tld)
	}
	for tld := range strings.FieldsSeq(googleCoTLDs) {
		sites = append(sites, "www.google.co."+tld)
	}
	return sites
}

// The country domains under which Google serves its search, as it lists them at
// www.google.com/supported_domains, and those that it served before.
const (
	googleTLDs = `ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cd cf cg ch ci cl cm cn cv cz
		de dj dk dm dz ee es fi fm fr ga ge gg gl gm gp gr gy hn hr ht hu ie im iq is it je jo kg ki kz
		la li lk lt lu lv md me mg mk ml mn ms mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw
		sc se sh si sk sm sn so sr st td tg tk tl tm tn to tt vg vu ws`
	googleComTLDs = `af ag ai ar au bd bh bn bo br bz co cu cy do ec eg et fj gh gi gt hk jm kh kw
		lb lc ly mm mt mx my na nf ng ni np om pa pe pg ph pk pr py qa sa sb sg sl sv
		tj tr tw ua uy vc vn`
	googleCoTLDs = `ao bw ck cr id il in jp ke kr ls ma mz nz th tz ug uk uz ve vi za zm zw`
)
