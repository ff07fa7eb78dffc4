package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// signedZone is the zone of the scenarios with DNSSEC: one key signs it all.
type signedZone struct {
	file   string
	anchor string // a file that tells delv to trust the key
}

func newSignedZone(t testing.TB) signedZone {
	t.Helper()
	need(t, "dnssec-keygen", "Debian package bind9-utils")
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, err.(*exec.ExitError).Stderr)
		}
		return strings.TrimSpace(string(out))
	}
	key := run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", ".")
	run("dnssec-signzone", "-q", "-S", "-z", "-o", ".", "-f", "zone", zoneFile(t))

	text, err := os.Open(filepath.Join(dir, key+".key"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	parser := dns.NewZoneParser(text, ".", "")
	rr, _ := parser.Next()
	public, ok := rr.(*dns.DNSKEY)
	if !ok {
		t.Fatalf("%s.key holds %v (%v)", key, rr, parser.Err())
	}
	return signedZone{filepath.Join(dir, "zone"), writeFile(t, "anchors", fmt.Sprintf("trust-anchors { . static-key %d %d %d %q; };\n",
		public.Flags, public.Protocol, public.Algorithm, public.PublicKey))}
}
