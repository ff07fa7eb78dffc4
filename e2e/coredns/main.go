// Command coredns is CoreDNS with the few plugins that the end-to-end tests of
// tundns need: it serves a zone file over every transport it has.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/tls"
)

func main() {
	dnsserver.Directives = []string{"bind", "tls", "file"}
	coremain.Run()
}
