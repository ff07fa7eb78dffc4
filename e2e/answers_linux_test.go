package e2e

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestAnswers asks what a person asks with dig, of either virtual address, over
// either transport, of a tundns in front of nsd.
func TestAnswers(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4, l.far6)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	for _, test := range []struct {
		args   string
		status string
		data   []string
	}{
		{"www.example A", "NOERROR", []string{"198.51.100.80"}},
		{"WWW.eXample A", "NOERROR", []string{"198.51.100.80"}},
		{"www.example AAAA", "NOERROR", []string{"2001:db8:80::80"}},
		{"two.example A", "NOERROR", []string{"198.51.100.1", "198.51.100.2"}},
		{"chain.example A", "NOERROR", []string{"alias.example.", "www.example.", "198.51.100.80"}},
		{"any.wild.example A", "NOERROR", []string{"198.51.100.93"}},
		{"example MX", "NOERROR", []string{"10 mail.example."}},
		{"example TXT", "NOERROR", []string{`"v=spf1 -all" "second string"`}},
		{"example CAA", "NOERROR", []string{`0 issue "ca.example"`}},
		{"example NAPTR", "NOERROR", []string{`100 10 "u" "E2U+sip" "!^.*$!sip:info@example!" .`}},
		{"_dns._udp.example SRV", "NOERROR", []string{"1 2 53 ns.example."}},
		{"_443._tcp.www.example TLSA", "NOERROR", []string{"3 1 1 1C2F0000000000000000000000000000000000000000000000000000 000000FF"}},
		{"www.example SSHFP", "NOERROR", []string{"4 2 1C2F0000000000000000000000000000000000000000000000000000 000000FF"}},
		{"www.example HTTPS", "NOERROR", []string{`1 . alpn="h2,h3" ipv4hint=198.51.100.80`}},
		{"odd.example TYPE65400", "NOERROR", []string{`\# 4 01020304`}},
		{". NS", "NOERROR", []string{"ns.example."}},
		{"-x 198.18.0.80", "NOERROR", []string{"www.example."}},
		{"-x 3fff:80::80", "NOERROR", []string{"www.example."}},
		{"www.example MX", "NOERROR", nil},
		{"nothing.example A", "NXDOMAIN", nil},
	} {
		for _, way := range []string{
			"@" + virtual4 + " +notcp", "@" + virtual4 + " +tcp",
			"@" + virtual6 + " +notcp", "@" + virtual6 + " +tcp",
		} {
			args := strings.Fields(way + " " + test.args)
			r := h.ask(test.status, args...)
			data := r.data()
			slices.Sort(data)
			want := slices.Sorted(slices.Values(test.data))
			if !slices.Equal(data, want) || !r.has("ra") || r.has("tc") || (r.transport == "TCP") != strings.HasSuffix(way, "+tcp") {
				t.Errorf("dig %s: want %q\n%s", strings.Join(args, " "), want, r.raw)
			}
			if test.data == nil && (len(r.authority) != 1 || !strings.Contains(r.authority[0], " SOA ")) {
				t.Errorf("dig %s: a negative answer without its SOA\n%s", strings.Join(args, " "), r.raw)
			}
		}
	}
}

// TestQueryOptions puts into a query what resolvers meet in the wild.
func TestQueryOptions(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	for _, test := range []struct{ args, status string }{
		{"+noedns", "NOERROR"},
		{"+edns=0 +bufsize=0", "NOERROR"},
		{"+bufsize=512", "NOERROR"},
		{"+bufsize=65535", "NOERROR"},
		{"+nsid", "NOERROR"},
		{"+cookie", "NOERROR"},
		{"+cookie=0011223344556677", "NOERROR"},
		{"+subnet=198.51.100.0/24", "NOERROR"},
		{"+padding=468", "NOERROR"},
		{"+tcp +keepalive", "NOERROR"},
		{"+ednsopt=65001:00112233", "NOERROR"},
		{"+dnssec", "NOERROR"},
		{"+cdflag", "NOERROR"},
		{"+adflag", "NOERROR"},
		{"+norecurse", "NOERROR"},
		{"+zflag", "NOERROR"},
		{"+ednsflags=0x0001", "NOERROR"},
		{"+edns=1 +noednsnegotiation", "BADVERS"},
		{"+opcode=status", "NOTIMP"},
		{"+opcode=notify", "NOTIMP"},
		{"+opcode=update", "NOTIMP"},
		{"+opcode=15", "NOTIMP"},
		{"+header-only", "FORMERR"},
	} {
		for _, way := range []string{"+notcp", "+tcp"} {
			args := append([]string{"@" + virtual4, "www.example", way}, strings.Fields(test.args)...)
			r := h.ask(test.status, args...)
			if test.status == "NOERROR" && !slices.Equal(r.data(), []string{"198.51.100.80"}) {
				t.Errorf("dig %s:\n%s", strings.Join(args, " "), r.raw)
			}
			if strings.Contains(test.args, "+noedns") && !strings.Contains(test.args, "negotiation") && r.edns {
				t.Errorf("dig %s: an OPT record that was not asked for\n%s", strings.Join(args, " "), r.raw)
			}
		}
	}
}

// TestBigAnswer asks for more than a datagram holds.
func TestBigAnswer(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	for _, at := range []string{"@" + virtual4, "@" + virtual6} {
		for _, test := range []struct {
			option string
			limit  int // bytes of a UDP answer
		}{{"+noedns", 512}, {"+bufsize=512", 512}, {"+bufsize=1232", 1232}, {"+bufsize=4096", 1232}, {"+bufsize=65535", 1232}} {
			r := h.ask("NOERROR", at, "big.example", "TXT", test.option, "+ignore")
			if !r.has("tc") || r.size > test.limit || r.transport != "UDP" {
				t.Errorf("%s %s: want a truncated answer of %d bytes at most\n%s", at, test.option, test.limit, r.raw)
			}
			// Without +ignore dig goes on over TCP by itself.
			if r = h.ask("NOERROR", at, "big.example", "TXT", test.option); len(r.answer) != 14 || r.has("tc") || r.transport != "TCP" {
				t.Errorf("%s %s: %d records, want all 14 over TCP\n%s", at, test.option, len(r.answer), r.raw)
			}
		}
	}
}

// TestLocalNames asks tundns about itself.
func TestLocalNames(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.up("")
	version := strings.TrimSpace(h.run(tundns, "version"))
	for _, at := range []string{"@" + virtual4, "@" + virtual6} {
		r := h.ask("NOERROR", at, "CH", "TXT", "version.tundns")
		if len(r.answer) != 1 || !strings.Contains(version, strings.Trim(strings.TrimPrefix(r.data()[0], `"tundns `), `"`)) {
			t.Errorf("%q does not show the version of %q\n%s", r.data(), version, r.raw)
		}
	}
	if r := h.dig("@"+virtual4, "CH", "TXT", "elsewhere.example"); r.status != "REFUSED" && r.status != "NOTIMP" {
		t.Errorf("a CHAOS name of somebody else's: want REFUSED or NOTIMP\n%s", r.raw)
	}
	transfer := new(dns.Msg).SetAxfr("example.")
	if m, err := h.exchange("tcp", transfer); err != nil || m.Rcode != dns.RcodeRefused && m.Rcode != dns.RcodeNotImplemented {
		t.Errorf("a zone transfer: want REFUSED or NOTIMP, got %v, %v", m, err)
	}
}

// TestVirtualAddress finds at a virtual address what a kernel has at its own: an
// answer to ping, and a refusal where nothing is served.
func TestVirtualAddress(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.up("")
	for _, addr := range []string{virtual4, virtual6} {
		h.run("ping", "-c", "3", "-i", "0.2", "-W", "2", "-s", "0", addr)
		h.run("ping", "-c", "1", "-W", "2", "-s", "3000", addr) // in fragments

		unserved := netip.AddrPortFrom(netip.MustParseAddr(addr), 9).String()
		ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
		defer cancel()
		if _, err := h.dial(ctx, "tcp", unserved); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("TCP to %s: %v, want connection refused", unserved, err)
		}
		conn, err := h.dial(ctx, "udp", unserved)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(clientPatience))
		if _, err := conn.Write([]byte("anybody there?")); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 64)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("UDP to %s: %v, want connection refused", unserved, err)
		}
	}
}

// TestPipeline sends many queries over one TCP connection before it reads an
// answer (RFC 7766, section 6.2.1.1), then closes its half of the connection.
func TestPipeline(t *testing.T) {
	t.Parallel()
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	conn, err := h.dial(ctx, "tcp", net.JoinHostPort(virtual6, "53"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(clientPatience))
	c := &dns.Conn{Conn: conn}
	waiting := make(map[uint16]string)
	for i := range 50 {
		name := string(rune('a'+i%26)) + ".wild.example."
		query := new(dns.Msg).SetQuestion(name, dns.TypeA)
		query.Id = uint16(i)
		waiting[query.Id] = name
		if err := c.WriteMsg(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for len(waiting) > 0 {
		m, err := c.ReadMsg()
		if err != nil {
			t.Fatalf("%d answers are missing: %v", len(waiting), err)
		}
		if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || m.Question[0].Name != waiting[m.Id] {
			t.Errorf("want an answer for %q: %v", waiting[m.Id], m)
		}
		delete(waiting, m.Id)
	}
}
