package appliance

import (
	"path/filepath"
	"testing"

	"github.com/miekg/dns"

	"tundns/config"
)

// TestSnapshotOverARestart: what was asked before the stop is answered after the
// start, though no upstream can be reached any more.
func TestSnapshotOverARestart(t *testing.T) {
	if !ownNamespace(t) {
		return
	}
	addr, asked := serveZone(t)
	c := config.Default()
	c.Upstreams = []config.Upstream{{Name: "default", Servers: []config.Server{{URL: "udp://" + addr}}, Strategy: "failover", Via: "direct"}}
	c.Cache.Snapshot = filepath.Join(t.TempDir(), "cache")
	for _, alive := range []bool{true, false} {
		if !alive {
			c.Upstreams[0].Servers[0].URL = "udp://127.0.0.1:1" // nobody is there
		}
		a, err := Start(Options{Config: c, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		m := ask(t, "www.example.com.")
		a.Close()
		if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || asked.Load() != 1 {
			t.Fatalf("upstream alive %v: %s", alive, m)
		}
		stale := false
		for _, o := range m.IsEdns0().Option {
			e, ok := o.(*dns.EDNS0_EDE)
			stale = stale || ok && e.InfoCode == dns.ExtendedErrorCodeStaleAnswer
		}
		if stale == alive {
			t.Errorf("upstream alive %v: %s", alive, m)
		}
	}
}
