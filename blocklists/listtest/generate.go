package listtest

import (
	"math/rand/v2"
	"strings"
)

// Names returns n different names, the same ones every time: of words, numbers
// and random letters in the shapes that block lists have, with some 20 characters
// on average.
func Names(n int) []string {
	g := generator{rng: rand.New(rand.NewPCG(1, 1185)), seen: make(map[string]struct{}, n)}
	for len(g.names) < n {
		g.add(g.name())
	}
	return g.names
}

// Mix returns names followed by as many made of their parts as it takes to have n
// different ones, the same every time. A new name is one of names whose longest
// label goes on like the longest label of another from the middle on.
func Mix(names []string, n int) []string {
	g := generator{rng: rand.New(rand.NewPCG(2, 1185)), seen: make(map[string]struct{}, n)}
	for _, name := range names {
		g.add(name)
	}
	for len(g.names) < n {
		name, other := names[g.rng.IntN(len(names))], names[g.rng.IntN(len(names))]
		start, end := longest(name)
		from, to := longest(other)
		label := name[start:(start+end+1)/2] + other[(from+to)/2:to]
		if name := name[:start] + label + name[end:]; isHost(name) {
			g.add(name)
		}
	}
	return g.names
}

// longest returns where the longest label of name starts and ends.
func longest(name string) (start, end int) {
	at := 0
	for label := range strings.SplitSeq(name, ".") {
		if len(label) > end-start {
			start, end = at, at+len(label)
		}
		at += len(label) + 1
	}
	return start, end
}

type generator struct {
	rng   *rand.Rand
	seen  map[string]struct{}
	names []string
}

func (g *generator) add(name string) {
	if _, old := g.seen[name]; !old {
		g.seen[name] = struct{}{}
		g.names = append(g.names, name)
	}
}

// name returns a name of one of the shapes.
func (g *generator) name() string {
	domain := g.domain() + "." + g.tld()
	switch g.rng.IntN(10) {
	case 0, 1, 2: // a host of the service
		return g.host() + "." + domain
	case 3: // one of many customers of a service
		return g.random(4+g.rng.IntN(9), letters+digits) + "." + g.word() + g.word() + "." + g.tld()
	case 4:
		return g.host() + "." + g.word() + "." + domain
	}
	return domain
}

// domain returns the label that somebody registers.
func (g *generator) domain() string {
	switch g.rng.IntN(10) {
	case 0, 1: // made by an algorithm
		return g.random(7+g.rng.IntN(9), letters)
	case 2:
		return g.random(6+g.rng.IntN(5), letters+digits)
	case 3, 4:
		return g.word() + "-" + g.word()
	case 5:
		return g.word() + g.random(1+g.rng.IntN(3), digits)
	case 6:
		return g.word() + g.word() + g.word()
	case 7:
		return g.word() + g.random(2+g.rng.IntN(4), letters)
	}
	return g.word() + g.word()
}

func (g *generator) host() string {
	host := hosts[g.rng.IntN(len(hosts))]
	if g.rng.IntN(2) == 0 {
		host += g.random(1+g.rng.IntN(3), digits)
	}
	return host
}

func (g *generator) word() string { return words[g.rng.IntN(len(words))] }

// tld favours the first ones, as registrations do: half of the names are in com.
func (g *generator) tld() string {
	if g.rng.IntN(2) == 0 {
		return tlds[0]
	}
	return tlds[min(g.rng.IntN(len(tlds)), g.rng.IntN(len(tlds)))]
}

func (g *generator) random(n int, from string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[g.rng.IntN(len(from))]
	}
	return string(b)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

var (
	tlds = strings.Fields(`com net org ru info de xyz top co io uk online site club pl fr it br cn eu
		nl jp biz us me tk ml ga cf pro live shop icu in ca au es cz se ch at be tv cc ws co.uk com.br
		com.au co.jp store space website fun link click work agency media news app dev cloud`)
	hosts = strings.Fields(`www ads ad track tracking tracker stats stat analytics metrics pixel click
		clicks cdn img images static media api app log logs events collect count counter banner
		banners adserver adservice sync go link links mail email m news delivery serve s t e c tag
		tags beacon smetrics data telemetry push promo partner aff affiliate widget`)
	words = strings.Fields(`ad ads click track market media traffic stat count data net web online best
		free game play money cash loan bank credit card casino bet poker win lucky bonus prize shop
		store buy sale deal offer price cheap gold silver star sun moon sky blue red green black white
		dark light fast quick smart easy super mega ultra max pro plus prime top one first next new
		now day night time hour week year life love live home house room door world global planet
		earth ocean river mountain city town street road car auto bike travel trip tour hotel flight
		food pizza coffee fresh health fit doctor medic pharma pill diet beauty skin hair style
		fashion dress shoe watch phone mobile app soft ware tech code byte cloud server host domain
		link site page blog news paper book read write word text photo video film movie music song
		radio sound art design paint color print paper box pack post mail letter message chat talk
		social friend family baby kid school teach learn study work job career office business trade
		invest stock coin crypto wallet pay secure safe lock key guard shield alert virus clean fix
		help support service system engine power energy solar fire water wind storm rain snow ice
		dragon tiger lion wolf bear eagle hawk fox cat dog horse fish bird tree flower garden farm
		adult sexy hot girl date meet match dating cam tube porn stream torrent download file share
		sync push pixel banner pop under native content reach target metric insight signal pulse
		beacon sense logic mind brain idea vision view point zone hub lab base core edge bridge port
		path way map guide search find look check test rate rank score goal sport ball team club`)
)
