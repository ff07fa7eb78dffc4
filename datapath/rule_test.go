package datapath

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRules(t *testing.T) {
	dev := newScriptTUN(8)
	f := newFilter(t, dev, Config{})
	var seen []string
	rule := func(name string, d Direction, dst string, v Verdict) func() {
		remove, err := f.AddRule(Rule{Direction: d, Dst: netip.MustParsePrefix(dst), Handler: func(p []byte) Verdict {
			seen = append(seen, name)
			return v
		}})
		if err != nil {
			t.Fatal(err)
		}
		return remove
	}
	read := func(p []byte) (passed bool) {
		dev.replay([][]byte{p})
		bufs, sizes := newBuffers(1), make([]int, 1)
		if n, err := f.Read(bufs, sizes, headroom); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		return sizes[0] > 0
	}
	written := false
	dev.write = func(bufs [][]byte, _ int) (int, error) {
		// Replies are written, too.
		if string(bufs[0][headroom+src4:headroom+dst4]) == string(peer4.AsSlice()) {
			written = true
		}
		return len(bufs), nil
	}
	write := func(p []byte) (passed bool) {
		written = false
		if _, err := f.Write(withRoom(p), headroom); err != nil {
			t.Fatal(err)
		}
		return written
	}
	check := func(what string, passed, want bool, names ...string) {
		t.Helper()
		if passed != want || !slices.Equal(seen, names) {
			t.Errorf("%s: passed %v by %v, want %v by %v", what, passed, seen, want, names)
		}
		seen = nil
	}
	near, far := ap(netip.MustParseAddr("192.0.2.130"), 1), ap(far4, 1)
	all := rule("all", FromHost, "0.0.0.0/0", Pass)
	half := rule("half", FromHost, "192.0.2.128/25", Drop)
	rule("behind", FromHost, "192.0.2.0/24", Pass)
	rule("one", FromHost, "2001:db8::9/128", Drop)
	six := rule("six", FromHost, "::/0", Pass)
	rule("net", FromHost, "2001:db8::/32", Drop)
	rule("peers", FromPeers, "10.0.0.0/8", Drop)
	check("v4 in the half", read(udpPacket(ap(host4, 1), near, "")), false, "all", "half")
	check("v4 outside", read(udpPacket(ap(host4, 1), far, "")), true, "all", "behind")
	check("v4 elsewhere", read(udpPacket(ap(host4, 1), ap(peer4, 1), "")), true, "all")
	check("v6 one", read(udpPacket(ap(host6, 1), ap(far6, 1), "")), false, "one")
	check("v6 net", read(udpPacket(ap(host6, 1), ap(netip.MustParseAddr("2001:db8:1::"), 1), "")), false, "six", "net")
	check("v6 elsewhere", read(udpPacket(ap(host6, 1), ap(peer6, 1), "")), true, "six")
	check("from peers", write(udpPacket(ap(peer4, 1), ap(host4, 1), "")), false, "peers")
	check("from peers elsewhere", write(udpPacket(ap(peer4, 1), far, "")), true)
	check("to a virtual address", read(ping(host4, vip4, "")), false, "all")
	check("invalid, to a virtual address", read(ping(host4, vip4, "")[:27]), false)
	check("later fragment", read(edit(udpPacket(ap(host4, 1), near, "12345678"), func(p []byte) { p[7] = 9 })), false, "all", "half")
	half()
	half()
	all()
	check("v4 with rules removed", read(udpPacket(ap(host4, 1), near, "")), true, "behind")
	six()
	check("v6 with rules removed", read(udpPacket(ap(host6, 1), ap(peer6, 1), "")), true)
	if got := f.Stats().Host.Dropped[ByRule]; got != 4 {
		t.Errorf("%d dropped by rule, want 4", got)
	}
	rule("virtual", FromHost, "10.30.30.30/32", Drop)
	check("virtual address, dropped", read(ping(host4, vip4, "")), false, "virtual")
	if s := f.Stats().Host; s.Dropped[ByRule] != 5 || s.Served != 1 {
		t.Errorf("stats: %+v", s)
	}

	for name, r := range map[string]Rule{
		"direction": {Direction: 2, Dst: prefixes("10.0.0.0/8")[0], Handler: func([]byte) Verdict { return Pass }},
		"no prefix": {Handler: func([]byte) Verdict { return Pass }},
		"mapped":    {Dst: netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 104), Handler: func([]byte) Verdict { return Pass }},
		"handler":   {Dst: prefixes("10.0.0.0/8")[0]},
	} {
		if _, err := f.AddRule(r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRulesChangeWhilePacketsFlow(t *testing.T) {
	dev := newScriptTUN(8)
	f := newFilter(t, dev, Config{})
	foreign := udpPacket(ap(peer4, 1), ap(host4, 1), "x")
	var wg sync.WaitGroup
	var handled atomic.Int64
	for range 2 {
		wg.Go(func() {
			for range 300 {
				remove, err := f.AddRule(Rule{Direction: FromPeers, Dst: prefixes("10.0.0.0/8")[0], Handler: func([]byte) Verdict {
					handled.Add(1)
					return Drop
				}})
				if err != nil {
					t.Error(err)
				}
				if n, err := f.Write(withRoom(foreign), headroom); n != 1 || err != nil {
					t.Errorf("Write = %d, %v", n, err)
				}
				remove()
			}
		})
	}
	wg.Wait()
	if s := f.Stats().Peers; s.Passed != 0 || s.Dropped[ByRule] != 600 || handled.Load() != 600 {
		t.Errorf("%d handled; %+v", handled.Load(), s)
	}
}
