package upstream

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tundns/resolver/upstream/upstreamtest"
)

// program runs a name server until the end of the test. It returns when the
// server has written ready.
func program(t *testing.T, ready, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		needed(t, name, err)
	}
	cmd := exec.CommandContext(within(t, 6*enough), path, args...)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), ready) {
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				io.Copy(io.Discard, out)
			}()
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-drained
				cmd.Wait()
			})
			return
		}
	}
	cmd.Wait()
	t.Fatalf("%s does not start:\n%s", name, &log)
}

// freePort is a port of loopback that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnbound: every transport that Unbound offers.
func TestUnbound(t *testing.T) {
	dir := t.TempDir()
	ca := upstreamtest.NewCA(t)
	cert := ca.Certificate(upstreamtest.Name, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := writeFile(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	keyFile := writeFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	plain, dot, doh := freePort(t), freePort(t), freePort(t)
	conf := writeFile(t, filepath.Join(dir, "unbound.conf"), fmt.Sprintf(`
server:
  verbosity: 1
  use-syslog: no
  do-daemonize: no
  directory: ""
  chroot: ""
  username: ""
  pidfile: ""
  interface: 127.0.0.1@%s
  interface: 127.0.0.1@%s
  interface: 127.0.0.1@%s
  tls-port: %[2]s
  https-port: %[3]s
  tls-service-pem: %[4]q
  tls-service-key: %[5]q
  local-zone: "example.com." static
  local-data: "www.example.com. 300 IN A 192.0.2.1"
`, plain, dot, doh, certFile, keyFile))
	program(t, "start of service", "unbound", "-d", "-p", "-c", conf)
	for _, s := range []Server{
		{URL: "udp://127.0.0.1:" + plain},
		{URL: "udp://127.0.0.1:" + plain, RandomCase: true},
		{URL: "tcp://127.0.0.1:" + plain},
		{URL: "tls://127.0.0.1:" + dot},
		{URL: "tls://127.0.0.1:" + dot, Pins: []string{pinOf(t, cert.Certificate[0])}},
		{URL: "https://127.0.0.1:" + doh + "/dns-query"},
		{URL: "https://127.0.0.1:" + doh + "/dns-query", Method: "get"},
		{URL: "h3://127.0.0.1:" + doh + "/dns-query"}, // over HTTP/2
	} {
		tr := transport(t, s, ca)
		for range 3 {
			exchange(t, tr)
		}
	}
}

// TestBINDCookies: a server that demands cookies (RFC 9018) gets its own, and
// answers over UDP.
func TestBINDCookies(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	zone := writeFile(t, filepath.Join(dir, "zone"), "$TTL 300\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n")
	conf := writeFile(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(`
options {
	directory %q;
	listen-on port %s { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
	minimal-responses yes;
	answer-cookie yes;
	require-server-cookie yes;
};
controls { };
zone "example.com" { type primary; file %q; };
`, dir, port, zone))
	program(t, "all zones loaded", "named", "-g", "-c", conf)
	tr := transport(t, Server{URL: "udp://127.0.0.1:" + port, RandomCase: true}, nil)
	for range 3 {
		exchange(t, tr)
	}
	for w, c := range tr.(*udp).cookies.ways {
		if len(c) <= clientCookie {
			t.Errorf("no cookie of the server's for %v", w)
		}
	}
	if p := tr.(*udp).tcp.pool; len(p.sessions) > 0 {
		t.Error("the query went over TCP")
	}
}
