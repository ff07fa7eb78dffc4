package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
	"tundns/stamp"
)

// dotAt is a DNS-over-TLS server by name at an address.
func dotAt(addr netip.AddrPort) Server {
	return Server{
		URL:       "tls://" + net.JoinHostPort(upstreamtest.Name, strconv.Itoa(int(addr.Port()))),
		Addresses: []netip.Addr{addr.Addr()},
	}
}

// pinOf is the pin of a DER certificate's key.
func pinOf(t *testing.T, der []byte) string {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(digest[:])
}

// hashOf is the hash of a DER certificate, as stamps have it.
func hashOf(t *testing.T, der []byte) string {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(c.RawTBSCertificate)
	return stamp.HashPrefix + base64.StdEncoding.EncodeToString(digest[:])
}

// TestTLS (RFC 7858): one connection carries all queries, and the replies are
// whole.
func TestTLS(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewTLS(t, ca, big)
	r := newRelay(t, s.Addr())
	tr := transport(t, dotAt(r.addr()), ca)
	for range 20 {
		reply, err := tr.Exchange(within(t, enough), testQuery())
		if err != nil || dnswire.Count(reply, dnswire.Answer) != 101 {
			t.Fatalf("%d bytes, %v", len(reply), err)
		}
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("%d connections for 20 queries", n)
	}
}

// TestTLSPooledConnections: no query is lost when the connection that the pool
// holds turns out closed or dead.
func TestTLSPooledConnections(t *testing.T) {
	tests := []struct {
		name string
		kill func(s *upstreamtest.Server, r *relay)
	}{
		{"hangup", func(s *upstreamtest.Server, _ *relay) { s.Hangup() }},
		{"restart", func(s *upstreamtest.Server, _ *relay) { s.Stop(); s.Start() }},
		{"dead", func(_ *upstreamtest.Server, r *relay) { r.freeze() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ca := upstreamtest.NewCA(t)
			s := upstreamtest.NewTLS(t, ca, testAnswer)
			r := newRelay(t, s.Addr())
			tr := transport(t, dotAt(r.addr()), ca)
			for range 3 {
				exchange(t, tr)
				exchange(t, tr)
				tt.kill(s, r)
			}
			exchange(t, tr)
		})
	}
}

func TestTLSSilence(t *testing.T) {
	ca := upstreamtest.NewCA(t)
	s := upstreamtest.NewTLS(t, ca, upstreamtest.Silent)
	for name, addr := range map[string]netip.AddrPort{"no handshake": deaf(t), "no reply": s.Addr()} {
		t.Run(name, func(t *testing.T) {
			tr := transport(t, dotAt(addr), ca)
			if _, err := tr.Exchange(within(t, 200*time.Millisecond), testQuery()); causeOf(err) != Timeout {
				t.Errorf("%v is %v, want timeout", err, causeOf(err))
			}
		})
	}
}

// TestTLSHandshake: who may answer for a server (RFC 7858 section 4, RFC 8310).
func TestTLSHandshake(t *testing.T) {
	ca, other := upstreamtest.NewCA(t), upstreamtest.NewCA(t)
	good := ca.Certificate(upstreamtest.Name, "127.0.0.1")
	nameless := ca.Certificate("dns.example")
	foreign := other.Certificate(upstreamtest.Name)
	authority, _ := pem.Decode(other.PEM)
	chained := tls.Certificate{Certificate: [][]byte{foreign.Certificate[0], authority.Bytes}, PrivateKey: foreign.PrivateKey}
	forged := tls.Certificate{Certificate: [][]byte{good.Certificate[0], authority.Bytes}, PrivateKey: good.PrivateKey}
	expired := ca.Expired("127.0.0.1")
	pinsOf := func(certs ...tls.Certificate) (pins []string) {
		for _, c := range certs {
			pins = append(pins, pinOf(t, c.Certificate[0]))
		}
		return pins
	}
	otherCA := []string{pinOf(t, authority.Bytes)}
	root, _ := pem.Decode(ca.PEM)
	tests := []struct {
		name   string
		cert   tls.Certificate
		byName bool
		pins   []string
		ok     bool
	}{
		{"name", good, true, nil, true},
		{"another name", nameless, true, nil, false},
		{"another authority", foreign, true, nil, false},
		{"address", good, false, nil, true},
		{"address, not in the certificate", nameless, false, nil, false},
		{"name and pin", good, true, pinsOf(good), true},
		{"name and one of two pins", good, true, pinsOf(foreign, good), true},
		{"name and the authority's pin", good, true, []string{pinOf(t, root.Bytes)}, true},
		{"name and another's pin", good, true, pinsOf(foreign), false},
		{"pin without the name", nameless, true, pinsOf(nameless), false},
		{"pin without the authority", foreign, true, pinsOf(foreign), false},
		{"address and pin", foreign, false, pinsOf(foreign), true},
		{"address and its own authority's pin", chained, false, otherCA, true},
		{"address and an authority's pin that it is not under", forged, false, otherCA, false},
		{"address and another's pin", good, false, pinsOf(foreign), false},
		{"address and the hash of the certificate", foreign, false, []string{hashOf(t, foreign.Certificate[0])}, true},
		{"address and the hash of another", foreign, false, []string{hashOf(t, good.Certificate[0])}, false},
		{"name and the hash of the authority", good, true, []string{hashOf(t, root.Bytes)}, true},
		{"address and pin, expired", expired, false, []string{pinOf(t, root.Bytes)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := upstreamtest.NewTLSConfig(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}}, testAnswer)
			server := dotAt(s.Addr())
			if !tt.byName {
				server = Server{URL: "tls://" + s.Addr().String()}
			}
			server.Pins = tt.pins
			tr := transport(t, server, ca)
			if tt.ok {
				exchange(t, tr)
				s.Hangup()
				exchange(t, tr) // with a resumed session
				return
			}
			for range 2 {
				if _, err := tr.Exchange(within(t, enough), testQuery()); causeOf(err) != TLS {
					t.Errorf("%v is %v, want tls", err, causeOf(err))
				}
			}
		})
	}
}

func TestPins(t *testing.T) {
	digest := base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))
	for text, ok := range map[string]bool{
		"sha256/" + digest:                  true,
		digest:                              false,
		"sha1/" + digest:                    false,
		"sha256/":                           false,
		"sha256/" + digest[:len(digest)-4]:  false,
		"sha256/" + digest + "\n":           true, // the decoder passes over line ends
		"sha256/" + digest[:len(digest)-1]:  false,
		"sha256/" + strings.Repeat("*", 44): false,
	} {
		tr, err := NewTransport(Server{URL: "tls://192.0.2.1", Pins: []string{text}}, nil)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil {
			tr.Close()
		}
	}
	if _, err := NewTransport(Server{URL: "udp://192.0.2.1", Pins: []string{"sha256/" + digest}}, nil); err == nil {
		t.Error("a plain server takes pins")
	}
}

func BenchmarkTLS(b *testing.B) {
	ca := upstreamtest.NewCA(b)
	s := upstreamtest.NewTLS(b, ca, testAnswer)
	benchmarkExchange(b, dotAt(s.Addr()), ca.Pool)
}
