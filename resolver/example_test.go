package resolver_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"tundns/resolver"
	"tundns/resolver/upstream"
)

// A resolver on any socket: here one on loopback that nobody's upstream stands
// behind, so that only its own names are answered.
func ExampleServer() {
	transport, err := upstream.NewTransport(upstream.Server{URL: "udp://127.0.0.1:9"}, nil)
	if err != nil {
		panic(err)
	}
	group := upstream.NewGroup(upstream.Options{Name: "example", Transports: []upstream.Transport{transport}})
	defer group.Close()
	r := resolver.New(resolver.Options{State: resolver.State{Upstream: group}, Version: "example 1.0"})
	defer r.Close()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	server := &resolver.Server{Handler: r}
	go func() { done <- server.ServeUDP(ctx, pc) }()

	q := new(dns.Msg)
	q.SetQuestion("version.tundns.", dns.TypeTXT)
	q.Question[0].Qclass = dns.ClassCHAOS
	client := dns.Client{Timeout: 5 * time.Second}
	if m, _, err := client.Exchange(q, pc.LocalAddr().String()); err == nil {
		fmt.Println(m.Answer[0].(*dns.TXT).Txt[0])
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// example 1.0
	// <nil>
}
