package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"tundns/blocklists"
	"tundns/dnswire"
)

// Addresses of a server under comparison and of the one that it asks.
var (
	peerAddr  = netip.MustParseAddr("127.0.0.1")
	worldAddr = netip.MustParseAddr("127.0.0.2")
)

// worldTypes are the types of the records that every name has in the world.
var worldTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT}

// worldAnswer returns the type and data of a name's record in the world. The
// addresses are among a few.
func worldAnswer(name string, qtype uint16) string {
	sum := 0
	for _, c := range []byte(strings.TrimSuffix(name, ".")) {
		sum += int(c)
	}
	switch qtype {
	case dns.TypeA:
		return fmt.Sprintf("A 203.0.113.%d", sum%16)
	case dns.TypeAAAA:
		return fmt.Sprintf("AAAA 2001:db8:113::%x", 1+sum%15)
	}
	return `TXT "world"`
}

func answerWorld(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	m.RecursionAvailable = true
	if q := query.Question[0]; slices.Contains(worldTypes, q.Qtype) {
		if rr, err := dns.NewRR(q.Name + " 60 IN " + worldAnswer(q.Name, q.Qtype)); err == nil {
			m.Answer = []dns.RR{rr}
		}
	}
	return m
}

// listPeer is a server that blocks by lists of its own kind.
type listPeer struct {
	name, needs, origin string
	format              blocklists.Format
	// list returns a list of some rules for names of a world.
	list func(*rand.Rand, world) string
	// start starts the server at peerAddr with that list. It asks worldAddr for what
	// the list does not answer.
	start func(h *host, list string)
	// ignores are the ways in which the server ignores rules of a list. Each of its
	// answers is in one of them.
	ignores []func(list string) ignoring
}

// ignoring reports whether a server ignores a rule that matches a question here.
type ignoring func(blocklists.Rule, *blocklists.Query) bool

var listPeers = []listPeer{
	{"unbound", "unbound", "Debian package unbound", blocklists.Unbound, unboundList, startUnboundWithList, []func(string) ignoring{ignoresNothing}},
	{"unbound RPZ", "unbound", "Debian package unbound", blocklists.RPZ, policyZone, startUnboundWithPolicy, []func(string) ignoring{ignoresShielded, ignoresNothing}},
	{"named RPZ", "named", "Debian package bind9", blocklists.RPZ, policyZone, startNamedWithPolicy, []func(string) ignoring{ignoresShielded}},
	{"dnsmasq", "dnsmasq", "Debian package dnsmasq-base", blocklists.Dnsmasq, dnsmasqList, startDnsmasqWithList, []func(string) ignoring{ignoresOtherTypes}},
}

// TestListPeers gives random lists to the servers that they are written for, asks
// for all names around, and compares with what the lists mean here.
func TestListPeers(t *testing.T) {
	t.Parallel()
	for _, peer := range listPeers {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			need(t, peer.needs, peer.origin)
			rng := rand.New(rand.NewPCG(17, 4))
			var list strings.Builder
			if peer.format == blocklists.RPZ {
				list.WriteString("$TTL 60\n$ORIGIN rpz.test.\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n")
				list.WriteString(addressTriggers(rng))
			}
			worlds := make([]world, 8)
			for i := range worlds {
				worlds[i] = newWorld(fmt.Sprintf("w%d.example", i))
				list.WriteString(peer.list(rng, worlds[i]))
			}
			set := loadList(t, peer.format, list.String())

			h := newHost(t)
			newScripted(t, answerWorld).serveUDP(h, worldAddr)
			peer.start(h, list.String())
			conn, err := h.dial(context.Background(), "udp", netip.AddrPortFrom(peerAddr, 53).String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ways := make([]ignoring, len(peer.ignores))
			for i, ignores := range peer.ignores {
				ways[i] = ignores(list.String())
			}
			wrong := 0
			for _, w := range worlds {
				for _, name := range w.names {
					for _, qtype := range worldTypes {
						theirs, err := ask(&dns.Conn{Conn: conn}, name, qtype)
						if err != nil {
							t.Fatalf("%s %s: %v", name, dns.TypeToString[qtype], err)
						}
						why := differs(set, &blocklists.Query{Name: dnswire.MustName(name), Type: qtype}, theirs, ways)
						if why == "" {
							continue
						}
						if wrong++; wrong <= 20 {
							t.Errorf("%s %s: %s, but here %s", name, dns.TypeToString[qtype], theirs, why)
						}
					}
				}
			}
			if t.Failed() {
				t.Logf("%d differences with this list:\n%s", wrong, list.String())
			}
		})
	}
}

// world is a domain with all names that can be made of a few labels.
type world struct {
	owners []string // that rules may be for
	names  []string // owners and what is under them
}

func newWorld(domain string) world {
	w := world{owners: []string{domain}}
	w.names = w.owners
	for level := w.owners; len(w.names) < 300; {
		w.owners = w.names
		var next []string
		for _, name := range level {
			for _, label := range []string{"a", "b", "ab"} {
				next = append(next, label+"."+name)
			}
		}
		w.names, level = slices.Concat(w.names, next), next
	}
	return w
}

// some returns n different owners in random order.
func (w world) some(rng *rand.Rand, n int) []string {
	all := slices.Clone(w.owners)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// oneOf returns one of some texts.
func oneOf(rng *rand.Rand, texts ...string) string { return texts[rng.IntN(len(texts))] }

// blocked stands for what a client group here has a way of its own for: an answer
// without records of the type, or that leads nowhere.
const blocked = "blocked"

// blockAnswers are the ways of the servers.
var blockAnswers = []string{"NXDOMAIN", "NOERROR", "REFUSED", "A 0.0.0.0", "AAAA ::"}

// ask asks the server for a name without its last dot.
func ask(conn *dns.Conn, name string, qtype uint16) (string, error) {
	query := new(dns.Msg).SetQuestion(name+".", qtype)
	client := dns.Client{Timeout: patience}
	reply, _, err := client.ExchangeWithConn(query, conn)
	if err != nil {
		return "", err
	}
	for _, rr := range reply.Answer {
		if cname, ok := rr.(*dns.CNAME); ok {
			return "CNAME " + cname.Target, nil
		}
	}
	if len(reply.Answer) == 0 {
		return dns.RcodeToString[reply.Rcode], nil
	}
	var data []string
	for _, rr := range reply.Answer {
		data = append(data, typed(rr))
	}
	slices.Sort(data)
	return strings.Join(data, ", "), nil
}

// typed returns the type and data of a record in presentation form.
func typed(rr dns.RR) string {
	return dns.TypeToString[rr.Header().Rrtype] + " " + strings.TrimPrefix(rr.String(), rr.Header().String())
}

func loadList(t *testing.T, format blocklists.Format, text string) *blocklists.Set {
	t.Helper()
	set, reports, err := blocklists.Load(t.Context(), []blocklists.Source{{
		Name:   "peer",
		Format: format,
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range reports[0].Problems {
		if problem.Reason != "local-data of a local-zone that ignores it" {
			t.Fatalf("line %d: %q: %s", problem.Line, problem.Text, problem.Reason)
		}
	}
	return set
}

// differs says what a question gives here, unless an answer agrees with that in
// one of some ways.
func differs(set *blocklists.Set, q *blocklists.Query, theirs string, ways []ignoring) (why string) {
	for _, ignores := range ways {
		ours, rule := meaning(set, q, ignores)
		if theirs == ours || ours == blocked && slices.Contains(blockAnswers, theirs) {
			return ""
		}
		why += ours + " because of " + rule + "; "
	}
	return why
}

// meaning returns what the rules for a question say, and which of them does.
//
// The most specific one decides that the server does not ignore. Here an
// allowing rule decides before that; where there is none the winner must be the
// most specific rule.
func meaning(set *blocklists.Set, q *blocklists.Query, ignores ignoring) (answer, why string) {
	rules := set.MatchAll(q, set.All())
	if len(rules) == 0 {
		return inspected(set, q)
	}
	specific := func(a, b blocklists.Rule) int { return len(a.Name) - len(b.Name) }
	allows := func(r blocklists.Rule) bool { return r.Action == blocklists.Allow }
	winner, _ := set.Match(q, set.All())
	switch {
	case slices.ContainsFunc(rules, allows) != allows(winner):
		return "an allowing rule that does not win", winner.String()
	case !allows(winner) && winner.Line != slices.MaxFunc(rules, specific).Line:
		return "a winner that is not the most specific rule", winner.String()
	}
	rules = slices.DeleteFunc(rules, func(r blocklists.Rule) bool { return ignores(r, q) })
	if len(rules) == 0 {
		return inspected(set, q)
	}
	rule := slices.MaxFunc(rules, specific)
	return outcome(rule, set.Reply(q, set.All(), rule), q), fmt.Sprintf("line %d, %v", rule.Line, rule)
}

// inspected returns what the rules for addresses say of the world's answer.
func inspected(set *blocklists.Set, q *blocklists.Query) (answer, why string) {
	answer = worldAnswer(q.Name.Text(), q.Type)
	if _, text, _ := strings.Cut(answer, " "); q.Type != dns.TypeTXT {
		if rule, ok := set.MatchAddr(netip.MustParseAddr(text), q, set.All()); ok {
			return outcome(rule, rule.Reply, q), fmt.Sprintf("line %d, %v", rule.Line, rule)
		}
	}
	return answer, "no rule"
}

// outcome returns the answer that a rule with a reply gives to a question.
func outcome(rule blocklists.Rule, reply *blocklists.Reply, q *blocklists.Query) string {
	switch {
	case rule.Action == blocklists.Allow:
		return worldAnswer(q.Name.Text(), q.Type)
	case reply == nil:
		return blocked
	case reply.CNAME != "":
		return "CNAME " + reply.CNAME.String()
	case len(reply.Records) == 0:
		return dns.RcodeToString[reply.Rcode]
	}
	var data []string
	for _, record := range reply.Records {
		if record.Type != q.Type {
			continue
		}
		rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: ".", Rrtype: q.Type, Class: dns.ClassINET, Rdlength: uint16(len(record.Data))}, record.Data, 0)
		if err != nil {
			return err.Error()
		}
		data = append(data, typed(rr))
	}
	if len(data) == 0 {
		return blocked
	}
	slices.Sort(data)
	return strings.Join(data, ", ")
}
