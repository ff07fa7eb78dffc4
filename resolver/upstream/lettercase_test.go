package upstream

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"

	"tundns/dnswire"
	"tundns/resolver/upstream/upstreamtest"
)

// TestRandomCase (draft-vixie-dnsext-dns0x20): queries differ in letter case, what
// does not repeat it is passed over, and the caller sees its own case.
func TestRandomCase(t *testing.T) {
	var mu sync.Mutex
	names := map[string]bool{}
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		_, end, _ := dnswire.ReadQuestion(query)
		name := query[dnswire.HeaderLen : end-4]
		mu.Lock()
		names[string(name)] = true
		mu.Unlock()
		wrong := upstreamtest.Answer(1, netip.MustParseAddr("192.0.2.66"))(query)
		i := bytes.IndexFunc(wrong[dnswire.HeaderLen+1:], func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' })
		wrong[dnswire.HeaderLen+1+i] ^= 0x20
		conn.WriteToUDPAddrPort(wrong, from)
		conn.WriteToUDPAddrPort(testAnswer(query), from)
	})
	s.RandomCase = true
	tr := transport(t, s, nil)
	for range 20 {
		query := testQuery()
		reply := exchange(t, tr)
		if a := reply[len(reply)-1]; a != 1 {
			t.Fatalf("the forged answer %x was taken", reply)
		}
		_, end, _ := dnswire.ReadQuestion(query)
		if !sameQuestion(reply, query, end) {
			t.Errorf("reply %x does not repeat the question of %x", reply, query)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(names) < 10 { // of 2^13; 20 queries give less than 10 about never
		t.Errorf("%d spellings in 20 queries", len(names))
	}
}

func TestRandomCaseBareError(t *testing.T) {
	s := rawUDP(t, func(conn *net.UDPConn, from netip.AddrPort, query []byte) {
		conn.WriteToUDPAddrPort([]byte{query[0], query[1], 0x80, 0x05, 0, 0, 0, 0, 0, 0, 0, 0}, from)
	})
	s.RandomCase = true
	reply, err := transport(t, s, nil).Exchange(within(t, enough), testQuery())
	if err != nil || dnswire.Rcode(reply) != dnswire.RcodeRefused || CheckReply(reply, testQuery()) != nil {
		t.Errorf("%x, %v", reply, err)
	}
}

// TestRandomCaseOnly: other bytes than letters stay, whatever they are.
func TestRandomCaseOnly(t *testing.T) {
	var name []byte
	for c := 0; c < 256; c += 32 {
		name = append(name, 32)
		for i := range 32 {
			name = append(name, byte(c+i))
		}
		if len(name) > 200 {
			break
		}
	}
	query := append(make([]byte, dnswire.HeaderLen), append(name, 0, 0, 1, 0, 1)...)
	query[5] = 1
	for range 20 {
		msg := bytes.Clone(query)
		randomCase(msg)
		for i, c := range msg {
			if c != query[i] && (c|0x20 != query[i]|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
				t.Fatalf("byte %d: %#x became %#x", i, query[i], c)
			}
		}
	}
}
