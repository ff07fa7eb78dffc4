package e2e

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// group is one more upstream group in TOML: these servers, and further lines.
func group(name, lines string, servers ...string) string {
	text := upstream(servers...)
	return "\n" + text[:len("[[upstream]]\n")] + fmt.Sprintf("name = %q\n%s\n", name, lines) + text[len("[[upstream]]\nname = \"default\"\n"):]
}

// TestSplitDNS gives names to upstream groups by domain, by exact name and by
// network. What one group is asked the others never see, even when it fails.
func TestSplitDNS(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	newServer := func(n int, addr string) (*scripted, netip.Addr) {
		far := newHost(t)
		l := h.cable(far, n)
		s := newScripted(t, func(query *dns.Msg) *dns.Msg {
			if query.Question[0].Qtype != dns.TypePTR {
				return answerA(addr, 300)(query)
			}
			m := new(dns.Msg).SetReply(query)
			m.Answer = []dns.RR{&dns.PTR{Hdr: dns.RR_Header{Name: query.Question[0].Name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 300}, Ptr: "from-" + addr + "."}}
			return m
		})
		s.serveUDP(far, l.far4)
		return s, l.far4
	}
	const fromWorld, fromOffice, fromLab = "198.51.100.1", "198.51.100.2", "198.51.100.3"
	world, worldAddr := newServer(1, fromWorld)
	office, officeAddr := newServer(2, fromOffice)
	lab, labAddr := newServer(3, fromLab)
	h.up(configuration(t, upstream(udp(worldAddr))+
		group("office", `domains = ["corp.example", "=intranet.example", "10.0.0.0/8", "2001:db8:5::/48"]`, udp(officeAddr))+
		group("lab", `domains = ["lab.corp.example"]`, udp(labAddr)), nil))

	for _, test := range []struct {
		args []string
		from string
	}{
		{[]string{"www.example"}, fromWorld},
		{[]string{"corp.example"}, fromOffice},
		{[]string{"a.b.corp.example"}, fromOffice},
		{[]string{"WWW.Corp.Example"}, fromOffice},
		{[]string{"notcorp.example"}, fromWorld},
		{[]string{"lab.corp.example"}, fromLab},
		{[]string{"a.lab.corp.example"}, fromLab},
		{[]string{"collab.corp.example"}, fromOffice},
		{[]string{"intranet.example"}, fromOffice},
		{[]string{"www.intranet.example"}, fromWorld},
		{[]string{"-x", "10.1.2.3"}, "from-" + fromOffice + "."},
		{[]string{"-x", "11.1.2.3"}, "from-" + fromWorld + "."},
		{[]string{"-x", "2001:db8:5::1"}, "from-" + fromOffice + "."},
		{[]string{"-x", "3fff:6::1"}, "from-" + fromWorld + "."},
	} {
		if r := h.ask("NOERROR", append([]string{"@" + virtual4}, test.args...)...); !slices.Equal(r.data(), []string{test.from}) {
			t.Errorf("dig %s: want an answer of %s\n%s", test.args, test.from, r.raw)
		}
	}

	ill := script(servfail)
	lab.script.Store(&ill)
	h.ask("SERVFAIL", "@"+virtual4, "secret.lab.corp.example")
	if lab.count("secret.lab.corp.example.") == 0 {
		t.Error("the group that the name belongs to was not asked")
	}
	if n := world.count("secret.lab.corp.example.") + office.count("secret.lab.corp.example."); n != 0 {
		t.Errorf("other groups were asked %d times for a name that is none of theirs", n)
	}
}

// TestSystemServers has tundns ask the host's own servers, of which it is one
// itself.
func TestSystemServers(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	servers := fmt.Sprintf("nameserver %s\nnameserver %s\nnameserver %v\n", virtual4, virtual6, l.far4)
	h.upCommand(exec.Command("unshare", "--mount", "sh", "-ec", `mount --bind "$1" /etc/resolv.conf; shift; exec "$@"`, "sh",
		writeFile(t, "resolv.conf", servers), tundns, "up", "--config", configuration(t, upstream(`"system"`), nil)))
	if r := h.ask("NOERROR", "@"+virtual4, "www.example"); !slices.Equal(r.data(), []string{"198.51.100.80"}) {
		t.Error(r.raw)
	}
	// Asking itself, it would have seen its own queries.
	if m := h.metrics(); m.sum("tundns_queries_total") != 1 || m.sum("tundns_upstream_queries_total", `result="ok"`) != 1 {
		t.Errorf("%v queries and %v upstream queries after one question", m.sum("tundns_queries_total"), m.sum("tundns_upstream_queries_total"))
	}
}

// TestFastest has the server that answers sooner asked, though it is the second
// one given.
func TestFastest(t *testing.T) {
	t.Parallel()
	f := newFailover(t)
	const delay = 100 * time.Millisecond // well beyond what a busy machine adds
	slow := newScripted(t, func(query *dns.Msg) *dns.Msg {
		<-time.After(delay)
		return answerA(fromFirst, 300)(query)
	})
	slow.serveUDP(f.first, f.to.far4)
	newScripted(t, answerA(fromSecond, 300)).serveUDP(f.second, f.next.far4)
	f.h.up(configuration(t, upstream(udp(f.to.far4), udp(f.next.far4))+"strategy = \"fastest\"\n", nil))

	// Before it knows both servers it may ask either.
	const inARow = 20
	row, asked := 0, 0
	eventually(t, fmt.Sprintf("%d answers in a row from the faster server", inARow), func() bool {
		r := f.h.ask("NOERROR", "@"+virtual4, fmt.Sprintf("n%d.example", asked))
		asked++
		if row++; !slices.Equal(r.data(), []string{fromSecond}) {
			row = 0
		}
		return row == inARow
	})
	if m := f.h.metrics(); m.sum("tundns_upstream_queries_total", "udp://"+f.to.far4.String()) > m.sum("tundns_upstream_queries_total", "udp://"+f.next.far4.String()) {
		t.Errorf("of %d queries most went to the slower server", asked)
	}
}

// TestSnapshot stops tundns, and starts it again where no server can be reached:
// it still answers what it was asked before.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	nsd := startNSD(server, l.far4)
	config := configuration(t, upstream(udp(l.far4))+"[cache]\nsnapshot = \"cache\"\n", nil)
	first := h.up(config)
	fresh := h.ask("NOERROR", "@"+virtual4, "www.example")
	h.ask("NXDOMAIN", "@"+virtual4, "nothing.example")
	first.stop()
	nsd.kill()

	h.up(config)
	stale := h.ask("NOERROR", "@"+virtual4, "www.example")
	// RFC 8767, section 4, and RFC 8914, sections 4.4 and 4.20.
	if !slices.Equal(stale.data(), fresh.data()) || stale.ttl() != 30 || !slices.ContainsFunc(stale.ede, isEDE(3)) {
		t.Errorf("want %q with TTL 30 and EDE 3:\n%s", fresh.data(), stale.raw)
	}
	if r := h.ask("NXDOMAIN", "@"+virtual4, "nothing.example"); !slices.ContainsFunc(r.ede, isEDE(19)) {
		t.Errorf("want EDE 19:\n%s", r.raw)
	}
	h.ask("SERVFAIL", "@"+virtual4, "never.asked.example")

	startNSD(server, l.far4)
	eventually(t, "a fresh answer after the server's return", func() bool {
		r := h.dig("@"+virtual4, "www.example")
		return r.status == "NOERROR" && len(r.ede) == 0 && r.ttl() > 30
	})
}

// isEDE tells the Extended DNS Errors of one code, as dig shows them.
func isEDE(code int) func(string) bool {
	prefix := fmt.Sprintf("%d (", code)
	return func(ede string) bool { return len(ede) > len(prefix) && ede[:len(prefix)] == prefix }
}
