package appliance

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestBootstrap: a server by name is found by the servers of [bootstrap], and
// both live on as long as nothing about them changes.
func TestBootstrap(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	root := upstreamtest.NewDNS(t, upstreamtest.Answer(300, loopback))
	server := upstreamtest.NewDNS(t, upstreamtest.Answer(60, netip.MustParseAddr("192.0.2.1")))
	dir := t.TempDir()
	text := fmt.Sprintf("[[upstream]]\nservers = [\"tcp://dns.test:%d\"]\n[bootstrap]\nservers = [\"udp://%s\"]\nfile = \"addresses.json\"\n",
		server.Addr().Port(), root.Addr())
	c := parse(t, dir, text)
	first, err := compile(t.Context(), c, offline, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close() // again, if the test gets so far
	q := dnswire.Question{Name: dnswire.MustName("www.example.com"), Type: dnswire.TypeA, Class: dnswire.ClassIN}
	reply, err := first.upstreams[0].Exchange(t.Context(), dnswire.AppendQuestion(nil, 1, dnswire.FlagRD, q))
	if err != nil || dnswire.Count(reply.Message, dnswire.Answer) != 1 || root.Queries() != 2 {
		t.Fatalf("%+v, %v after %d queries for the address", reply, err, root.Queries())
	}
	same, err := compile(t.Context(), parse(t, dir, text+"[cache]\nstale_for = \"1h\"\n"), offline, first)
	if err != nil || same.bootstrap != first.bootstrap || same.upstreams[0] != first.upstreams[0] {
		t.Errorf("%v, or something new without need", err)
	}
	other, err := compile(t.Context(), parse(t, dir, strings.Replace(text, "addresses.json", "others.json", 1)), offline, first)
	if err != nil || other.bootstrap == first.bootstrap || other.upstreams[0] == first.upstreams[0] {
		t.Fatalf("%v, or something old that has changed", err)
	}
	other.close()
	none, err := compile(t.Context(), parse(t, dir, "[[upstream]]\nservers = [\"udp://192.0.2.1\"]\n"), offline, first)
	if err != nil || none.bootstrap != nil {
		t.Fatalf("%v, %v", none, err)
	}
	none.close()
	first.close() // with the addresses kept
	if data, err := os.ReadFile(filepath.Join(dir, "addresses.json")); err != nil || !strings.Contains(string(data), "127.0.0.1") {
		t.Errorf("%s, %v", data, err)
	}
}

// TestOwnAddresses: neither the virtual addresses nor the interface's are a
// server's.
func TestOwnAddresses(t *testing.T) {
	got := fmt.Sprint(ownAddresses(parse(t, t.TempDir(), "[tun]\naddresses = [\"10.0.0.1/24\", \"fd00::1\"]\n[dns]\naddresses = [\"10.0.0.53\", \"fd00::53\"]\n")))
	if got != "[10.0.0.53 fd00::53 10.0.0.1 fd00::1]" {
		t.Error(got)
	}
}
