// Package upstreamtest runs scripted DNS servers on loopback for tests: plain
// DNS over UDP and TCP, and DNS over TLS, QUIC and HTTPS with a certificate
// authority of its own. Servers are closed at the end of the test that started them, and wait for
// their goroutines. All types are safe for concurrent use.
package upstreamtest
