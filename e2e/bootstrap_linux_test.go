package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// TestBootstrap has tundns find a server that is given by name alone, then has it
// start where nobody says any more where that is.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	h, server, guide := newHost(t), newHost(t), newHost(t)
	to, toGuide := h.cable(server, 1), h.cable(guide, 2)
	ca := newAuthority(t)
	startUnbound(server, ca, to.far4, zoneFile(t))
	asked := newScripted(t, answerA(to.far4.String(), 300))
	socket := asked.serveUDP(guide, toGuide.far4)
	config := configuration(t, upstream(fmt.Sprintf("%q", "tls://"+dohName))+
		fmt.Sprintf("ca_file = %q\n\n[bootstrap]\nservers = [%s]\nfile = \"addresses\"\n", ca.file, udp(toGuide.far4)), nil)

	answered := func() {
		t.Helper()
		if r := h.ask("NOERROR", "@"+virtual4, "www.example"); !slices.Equal(r.data(), []string{"198.51.100.80"}) {
			t.Error(r.raw)
		}
	}
	first := h.up(config)
	answered()
	if names := asked.names(); !slices.Equal(names, []string{dohName + "."}) {
		t.Errorf("the bootstrap server was asked for %q, want the upstream server alone", names)
	}
	first.stop()
	socket.Close()

	h.up(config)
	answered()
}
