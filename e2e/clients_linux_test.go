package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestClients has the clients of the world ask tundns, each in its own manner.
func TestClients(t *testing.T) {
	t.Parallel()
	zone := newSignedZone(t)
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSDWith(server, zone.file, fmt.Sprintf("  ip-address: %v\n", l.far4))
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	type question struct {
		args string
		says []string // patterns in what the client prints; $4 and $6 are the addresses of www.example
	}
	validate := "-a " + zone.anchor + " +root=. "
	for _, client := range []struct {
		program, origin string
		questions       []question
	}{
		{"kdig", "Debian package knot-dnsutils", []question{
			{"www.example A +notcp", []string{"status: NOERROR", "$4", `\(UDP\)`}},
			{"www.example AAAA +tcp", []string{"status: NOERROR", "$6", `\(TCP\)`}},
			{"+tcp +keepopen www.example A www.example AAAA nothing.example A", []string{"$4", "$6", "status: NXDOMAIN"}},
			{"www.example A +edns=0 +nsid +cookie +padding +subnet=198.51.100.0/24", []string{"status: NOERROR", "$4", "Version: 0"}},
			{"www.example A +edns=7", []string{"BADVERS"}},
			{"big.example TXT", []string{"ANSWER: 14", `\(TCP\)`}},
		}},
		{"drill", "Debian package ldnsutils", []question{
			{"www.example AAAA", []string{"rcode: NOERROR", "$6"}},
			{"-t -D www.example A", []string{"rcode: NOERROR", "$4", `\sRRSIG\s`}},
			{"big.example TXT", []string{`flags: qr tc rd ra\b`}}, // it does not go on by itself
			{"-t big.example TXT", []string{"ANSWER: 14"}},
			{"-x 198.18.0.80", []string{`PTR\s+www\.example\.`}},
		}},
		// It validates: it asks for signatures and keys with DO and CD.
		{"delv", "Debian package bind9-dnsutils", []question{
			{validate + "www.example A", []string{"(?m)^; fully validated", "$4"}},
			{validate + "chain.example AAAA", []string{"(?m)^; fully validated", "$6"}},
			{validate + "any.wild.example A", []string{"(?m)^; fully validated", `198\.51\.100\.93`}},
			{validate + "www.example MX", []string{"(?m)^; negative response, fully validated"}},
			{validate + "nothing.example A", []string{"(?m)^; negative response, fully validated"}},
			{validate + "+tcp big.example TXT", []string{"(?m)^; fully validated"}},
		}},
	} {
		t.Run(client.program, func(t *testing.T) {
			need(t, client.program, client.origin)
			addresses := strings.NewReplacer("$4", `\s198\.51\.100\.80\s`, "$6", `\s2001:db8:80::80\s`)
			for _, q := range client.questions {
				for _, at := range []string{virtual4, virtual6} {
					out := h.in(t).run(client.program, append([]string{"@" + at}, strings.Fields(q.args)...)...)
					for _, pattern := range q.says {
						if !regexp.MustCompile(addresses.Replace(pattern)).MatchString(out) {
							t.Errorf("%s @%s %s: want %q in\n%s", client.program, at, q.args, pattern, out)
						}
					}
				}
			}
		})
	}
}

// TestKeepalive has a client ask how long it may keep its connection, which is a
// question over TCP alone (RFC 7828, section 3).
func TestKeepalive(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.up("")
	for _, test := range []struct {
		args string
		told bool
	}{{"+tcp +keepalive", true}, {"+tcp", false}, {"+notcp +keepalive", false}} {
		r := h.ask("NOERROR", append([]string{"@" + virtual4, "CH", "TXT", "version.tundns"}, strings.Fields(test.args)...)...)
		if told := regexp.MustCompile(`(?m)^; TCP.KEEPALIVE: [1-9]`).MatchString(r.raw); told != test.told {
			t.Errorf("dig %s: told is %t, want %t\n%s", test.args, told, test.told, r.raw)
		}
	}
}

// Programs in Python that print the addresses of their argument: as most do, and
// with a resolver library, which adds the number of TXT records of big.example.
const (
	getaddrinfo = `import socket, sys
for address in {info[4][0] for info in socket.getaddrinfo(sys.argv[1], 443)}:
    print(address)`
	dnspython = `import dns.resolver, sys
for qtype in "A", "AAAA":
    for record in dns.resolver.resolve(sys.argv[1], qtype):
        print(record.address)
print(len(dns.resolver.resolve("big.example", "TXT")))`
	// python is Debian's, whose packages a Python from elsewhere does not see.
	python = "/usr/bin/python3"
)

// TestStubResolvers has programs that know nothing but /etc/resolv.conf look up
// a name at either virtual address.
func TestStubResolvers(t *testing.T) {
	t.Parallel()
	need(t, python, "Debian package python3")
	h, server := newHost(t), newHost(t)
	l := h.cable(server, 1)
	startNSD(server, l.far4)
	h.up(configuration(t, upstream(udp(l.far4)), nil))

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{"198.51.100.80", "2001:db8:80::80"}
	for _, test := range []struct {
		name string
		args []string
		want []string // the distinct first words of the lines it prints, in order
	}{
		{"getent", []string{"getent", "ahosts", "www.example"}, addresses},
		{"Go", []string{"env", lookupVariable + "=www.example", self}, append([]string{"14"}, addresses...)},
		{"Python", []string{python, "-c", getaddrinfo, "www.example"}, addresses},
		{"dnspython", []string{python, "-c", dnspython, "www.example"}, append([]string{"14"}, addresses...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "dnspython" {
				needModule(t, "dns", "python3-dnspython")
			}
			for _, at := range []string{virtual4, virtual6} {
				out := h.in(t).resolving(at, test.args...)
				var got []string
				for line := range strings.Lines(out) {
					got = append(got, strings.Fields(line)[0])
				}
				slices.Sort(got)
				if got = slices.Compact(got); !slices.Equal(got, test.want) {
					t.Errorf("by way of %s: %q, want %q\n%s", at, got, test.want, out)
				}
			}
		})
	}
}

// needModule is need for a module of Debian's Python.
func needModule(t *testing.T, module, origin string) {
	t.Helper()
	if exec.Command(python, "-c", "import "+module).Run() == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this machine's Python lacks %s (Debian package %s)", module, origin)
	}
	t.Skipf("this machine's Python lacks %s (Debian package %s)", module, origin)
}

// resolving runs a command whose /etc/resolv.conf names one server, in a mount
// namespace of its own, and returns what it printed.
func (h *host) resolving(server string, args ...string) string {
	h.t.Helper()
	return h.run("unshare", append([]string{"--mount", "sh", "-ec",
		`mount --bind "$1" /etc/resolv.conf; mount --bind "$2" /etc/nsswitch.conf; shift 2; exec "$@"`, "sh",
		writeFile(h.t, "resolv.conf", "nameserver "+server+"\n"),
		writeFile(h.t, "nsswitch.conf", "hosts: files dns\n")}, args...)...)
}

// lookUp prints the addresses of a name and the number of TXT records of
// big.example, which fit no datagram. It returns the exit code of the process.
func lookUp(name string) int {
	ctx, cancel := context.WithTimeout(context.Background(), clientPatience)
	defer cancel()
	r := net.Resolver{PreferGo: true}
	addresses, err := r.LookupHost(ctx, name)
	if err == nil {
		var texts []string
		texts, err = r.LookupTXT(ctx, "big.example")
		addresses = append(addresses, fmt.Sprint(len(texts)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(strings.Join(addresses, "\n"))
	return 0
}
