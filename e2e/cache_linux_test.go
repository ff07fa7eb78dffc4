package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// TestCache asks twice, and sees the second answer come from the cache: in its
// TTL, in the metrics and in what the upstream server was asked.
func TestCache(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	unbound := startUnbound(server, newAuthority(t), l.far4, zoneFile(t))
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	for _, test := range []struct{ name, qtype, status string }{
		{"www.example", "A", "NOERROR"},
		{"chain.example", "AAAA", "NOERROR"},
		{"www.example", "MX", "NOERROR"}, // no data
		{"nothing.example", "A", "NXDOMAIN"},
	} {
		before := h.metrics()
		first := h.ask(test.status, "@"+virtual4, test.name, test.qtype)
		second := first
		eventually(t, "an answer that has aged", func() bool {
			second = h.ask(test.status, "@"+virtual4, test.name, test.qtype)
			return ageOf(first, second) >= 1
		})
		if age := ageOf(first, second); age > 30 || len(second.answer) != len(first.answer) {
			t.Errorf("an answer aged by %d s:\n%s\n%s", age, first.raw, second.raw)
		}
		if h.ask(test.status, "@"+virtual4, test.name, test.qtype, "+tcp").raw == "" {
			t.Error("nothing over TCP")
		}
		after := h.metrics()
		if after.sum("tundns_cache_misses_total") != before.sum("tundns_cache_misses_total")+1 {
			t.Errorf("%s %s: cache misses went from %v to %v, want one more", test.name, test.qtype,
				before.sum("tundns_cache_misses_total"), after.sum("tundns_cache_misses_total"))
		}
		if after.sum("tundns_cache_hits_total") < before.sum("tundns_cache_hits_total")+2 {
			t.Errorf("%s %s: cache hits went from %v to %v, want two more at least", test.name, test.qtype,
				before.sum("tundns_cache_hits_total"), after.sum("tundns_cache_hits_total"))
		}
		asked := regexp.MustCompile(regexp.QuoteMeta(fmt.Sprintf(" %s. %s IN", test.name, test.qtype)))
		if n := len(asked.FindAllString(unbound.stderr.String(), -1)); n != 1 {
			t.Errorf("%s %s: the upstream server was asked %d times, want once", test.name, test.qtype, n)
		}
	}
	if m := h.metrics(); m.sum("tundns_cache_entries") < 4 || m.sum("tundns_cache_bytes") <= 0 {
		t.Errorf("entries %v, bytes %v after four answers", m.sum("tundns_cache_entries"), m.sum("tundns_cache_bytes"))
	}
}

// ageOf is by how many seconds the second answer's TTL is below the first's.
func ageOf(first, second reply) int {
	if len(first.answer) == 0 {
		first.answer, second.answer = first.authority, second.authority
	}
	return first.ttl() - second.ttl()
}

// TestOneQueryInFlight has 100 clients ask the same question while the upstream
// server holds back its answer.
func TestOneQueryInFlight(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	const clients = 100
	var ids sync.Map // a datagram sent again has the ID of its query
	release := make(chan struct{})
	newScripted(t, func(query *dns.Msg) *dns.Msg {
		ids.Store(query.Id, true)
		<-release
		return answerA("198.51.100.7", 300)(query)
	}).serveUDP(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			m, err := h.exchange("udp", new(dns.Msg).SetQuestion("same.example.", dns.TypeA))
			if address := (sample{m: m}).address(); address != "198.51.100.7" {
				t.Errorf("answer %q, error %v", address, err)
			}
		})
	}
	eventually(t, "all clients waiting for one answer", func() bool {
		return h.metrics().sum("tundns_cache_coalesced_total") == clients-1
	})
	close(release)
	running.Wait()
	n := 0
	for range ids.Range {
		n++
	}
	if m := h.metrics(); n != 1 || m.sum("tundns_upstream_queries_total") != 1 {
		t.Errorf("the upstream server has seen %d queries, the metrics %v, want one", n, m.sum("tundns_upstream_queries_total"))
	}
}

// TestStale takes the only upstream server away and goes on asking.
func TestStale(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	nsd := startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	fresh := h.ask("NOERROR", "@"+virtual4, "short.example")
	if len(fresh.ede) != 0 || fresh.ttl() > 1 {
		t.Error(fresh.raw)
	}
	nsd.kill()
	var stale reply
	eventually(t, "a stale answer", func() bool {
		stale = h.ask("NOERROR", "@"+virtual4, "short.example")
		return len(stale.ede) > 0
	})
	// RFC 8767, section 4, and RFC 8914, section 4.4.
	if !regexp.MustCompile(`^3 \(Stale Answer\)`).MatchString(stale.ede[0]) || stale.ttl() != 30 || !slices.Equal(stale.data(), fresh.data()) {
		t.Errorf("want %q with TTL 30 and EDE 3:\n%s", fresh.data(), stale.raw)
	}
	failed := h.ask("SERVFAIL", "@"+virtual4, "never.asked.example")
	if !failed.unreachable() {
		t.Errorf("EDE %q, want 22 or 23 with the cause", failed.ede)
	}
	if m := h.metrics(); m.sum("tundns_responses_total", `outcome="stale"`) == 0 || m.sum("tundns_responses_total", `outcome="failed"`, `rcode="SERVFAIL"`) == 0 {
		t.Error("the metrics show no stale answer or no failure")
	}

	startNSD(server, l.far4)
	eventually(t, "a fresh answer after the server's return", func() bool {
		r := h.dig("@"+virtual4, "short.example")
		return r.status == "NOERROR" && len(r.ede) == 0
	})
}

// TestStaleOff turns stale answers off by configuration.
func TestStaleOff(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	nsd := startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4))+"\n[cache]\nstale_for = \"0s\"\n", nil))
	h.ask("NOERROR", "@"+virtual4, "short.example")
	nsd.kill()
	eventually(t, "a failure once the answer has expired", func() bool {
		return h.dig("@"+virtual4, "short.example").status == "SERVFAIL"
	})
}
