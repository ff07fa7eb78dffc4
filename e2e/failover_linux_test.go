package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// What a failover may cost the clients.
const (
	// firstLimit bounds the slowest query after the first upstream server's
	// death: one second, and as much again by half for a machine that is busy
	// with other tests.
	firstLimit = 1500 * time.Millisecond
	// settled is how long after the death later queries are looked at by
	// themselves.
	settled = 2 * time.Second
	// addedLimit bounds the median of those later queries. What is promised
	// is 50 ms; the rest is for the busy machine.
	addedLimit = 150 * time.Millisecond
	// returnLimit bounds the time until the first server answers again after
	// its return: ten seconds, and five for the busy machine.
	returnLimit = 15 * time.Second
)

// failover is a host with two upstream servers, each on a host of its own.
type failover struct {
	h, first, second *host
	to, next         link
}

// Addresses that tell which server has answered.
const (
	fromFirst  = "198.51.100.101"
	fromSecond = "198.51.100.102"
	wild       = "198.51.100.93" // of every name under wild.example in the zone
)

func newFailover(t *testing.T) *failover {
	t.Helper()
	f := &failover{h: newHost(t), first: newHost(t), second: newHost(t)}
	f.to, f.next = f.h.cable(f.first, 1), f.h.cable(f.second, 2)
	return f
}

// lose has 50 queries a second asked while the first server breaks, stays broken
// and returns. Every name is asked once, so that no cache helps. fromFirst tells
// the first server's answers.
func (f *failover) lose(t *testing.T, name func(i int) string, fromFirst func(sample) bool, breakIt, mend func()) {
	t.Helper()
	running := f.h.startLoad(50, name)
	seen := func(since time.Time, wanted int) func() bool {
		return func() bool {
			n := 0
			for _, s := range running.done() {
				if s.sent.After(since) && fromFirst(s) {
					n++
				}
			}
			return n >= wanted
		}
	}
	eventually(t, "answers from the first server", seen(time.Time{}, 50))
	broken := time.Now()
	breakIt()
	eventually(t, "four seconds without the first server", func() bool { return time.Since(broken) > 4*time.Second })
	mended := time.Now()
	mend()
	eventually(t, "answers from the first server again", seen(mended, 5))
	samples := running.stop()

	var healthy, affected, later []sample
	back := time.Duration(-1)
	for _, s := range samples {
		switch {
		case s.sent.Before(broken):
			healthy = append(healthy, s)
		case s.sent.Before(mended):
			affected = append(affected, s)
			if s.sent.Sub(broken) > settled {
				later = append(later, s)
				if fromFirst(s) {
					t.Errorf("the first server still answers %v after it was broken", s.sent.Sub(broken))
				}
			}
		case back < 0 && fromFirst(s):
			back = s.sent.Sub(mended)
		}
	}
	for _, line := range lost(samples) {
		t.Error(line)
	}
	t.Logf("healthy: %v", delaysOf(healthy))
	t.Logf("broken:  %v", delaysOf(affected))
	t.Logf("settled: %v", delaysOf(later))
	t.Logf("back on the first server %v after its return", back.Round(time.Millisecond))
	if longest := delaysOf(affected).at(1); longest > firstLimit {
		t.Errorf("a query took %v, more than %v", longest, firstLimit)
	}
	if added := delaysOf(later).at(0.5) - delaysOf(healthy).at(0.5); added > addedLimit {
		t.Errorf("later queries take %v longer, more than %v", added, addedLimit)
	}
	if back > returnLimit {
		t.Errorf("back on the first server after %v only", back)
	}
}

// TestFailover breaks the first of two upstream servers, one that speaks DNS
// over HTTPS, in every way there is.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// breaks returns the functions that break the first server and mend it.
		breaks func(f *failover, s *scripted, ca *authority) (breakIt, mend func())
	}{
		{"refused", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			cert := ca.issue(dohName)
			server := s.serveDoH(f.first, f.to.far4, cert)
			return func() { server.Close() }, func() { s.serveDoH(f.first, f.to.far4, cert) }
		}},
		{"blackhole", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			s.serveDoH(f.first, f.to.far4, ca.issue(dohName))
			route := fmt.Sprintf("blackhole %v/32", f.to.near4)
			return func() { f.first.ip("route add " + route) }, func() { f.first.ip("route delete " + route) }
		}},
		{"link down", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			s.serveDoH(f.first, f.to.far4, ca.issue(dohName))
			return func() { f.first.ip("link set eth1 down") }, func() { f.first.ip("link set eth1 up") }
		}},
		{"TLS broken", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			cert, other := ca.issue(dohName), newAuthority(f.h.t).issue(dohName)
			s.serveDoH(f.first, f.to.far4, cert)
			return func() { s.cert.Store(&other); s.hangUp() }, func() { s.cert.Store(&cert) }
		}},
		{"HTTP 503", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			s.serveDoH(f.first, f.to.far4, ca.issue(dohName))
			return func() { s.status.Store(http.StatusServiceUnavailable) }, func() { s.status.Store(0) }
		}},
		{"SERVFAIL", func(f *failover, s *scripted, ca *authority) (func(), func()) {
			s.serveDoH(f.first, f.to.far4, ca.issue(dohName))
			well, ill := s.script.Load(), script(servfail)
			return func() { s.script.Store(&ill) }, func() { s.script.Store(well) }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, ca := newFailover(t), newAuthority(t)
			breakIt, mend := test.breaks(f, newScripted(t, answerA(fromFirst, 300)), ca)
			newScripted(t, answerA(fromSecond, 300)).serveUDP(f.second, f.next.far4)
			f.h.up(configuration(t, upstream(doh(f.to.far4), udp(f.next.far4))+fmt.Sprintf("ca_file = %q\n", ca.file), nil))

			f.lose(t, func(i int) string { return fmt.Sprintf("n%d.example.", i) },
				func(s sample) bool { return s.address() == fromFirst }, breakIt, mend)
			m := f.h.metrics()
			if m.sum("tundns_upstream_queries_total", "https://") == 0 || m.sum("tundns_upstream_queries_total", "udp://") == 0 {
				t.Error("the metrics do not show that both servers were asked")
			}
			if up := m.sum("tundns_upstream_up", "https://"); up != 1 {
				t.Errorf("tundns_upstream_up of the first server is %v after its return", up)
			}
		})
	}
}

// TestRealFailover kills unbound, asked over DNS over HTTPS, in front of nsd,
// asked over UDP, and starts it again.
func TestRealFailover(t *testing.T) {
	t.Parallel()
	f, ca := newFailover(t), newAuthority(t)
	text, err := os.ReadFile(zoneFile(t))
	if err != nil {
		t.Fatal(err)
	}
	zone := writeFile(t, "zone", strings.ReplaceAll(string(text), wild, fromFirst))
	unbound := startUnbound(f.first, ca, f.to.far4, zone)
	startNSD(f.second, f.next.far4)
	f.h.up(configuration(t, upstream(doh(f.to.far4), udp(f.next.far4))+fmt.Sprintf("ca_file = %q\n", ca.file), nil))

	f.lose(t, func(i int) string { return fmt.Sprintf("n%d.wild.example.", i) },
		func(s sample) bool { return s.address() == fromFirst },
		unbound.kill, func() { startUnbound(f.first, ca, f.to.far4, zone) })
}

// TestUntrustedUpstream has a DoH server whose certificate is by an authority
// that the configuration does not name: it must never be believed.
func TestUntrustedUpstream(t *testing.T) {
	t.Parallel()
	f := newFailover(t)
	newScripted(t, answerA(fromFirst, 300)).serveDoH(f.first, f.to.far4, newAuthority(t).issue(dohName))
	f.h.up(configuration(t, upstream(doh(f.to.far4)), nil))
	r := f.h.ask("SERVFAIL", "@"+virtual4, "www.example")
	if !r.unreachable() || !strings.Contains(r.raw, "tls") {
		t.Errorf("EDE %q, want the cause, TLS", r.ede)
	}
}
