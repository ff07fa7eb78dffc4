package e2e

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// floodSockets are so many that each may lag for a second without an answer
// being lost in its buffer.
const floodSockets = 10

// flood asks thousands of questions a second over a few sockets, each question
// once.
type flood struct {
	t       testing.TB
	cancel  context.CancelFunc
	running sync.WaitGroup
	streams []*stream
}

// stream is one socket of a flood. A query's ID is its index.
type stream struct {
	conn  net.Conn
	mu    sync.Mutex
	asked []asked
}

// asked is the fate of a query of a flood.
type asked struct {
	name    string
	sent    time.Time
	took    time.Duration // 0: no answer yet
	rcode   int
	address string // the first one; empty without
	blocked bool   // says so by Extended DNS Error 15
}

// startFlood asks for the addresses of name(0), name(1) and so on, so many times
// a second.
func (h *host) startFlood(perSecond int, name func(i int) string) *flood {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &flood{t: h.t, cancel: cancel}
	for i := range floodSockets {
		conn, err := h.dial(ctx, "udp", net.JoinHostPort(virtual4, "53"))
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { conn.Close() })
		s := &stream{conn: conn}
		f.streams = append(f.streams, s)
		f.running.Go(func() {
			s.send(ctx, h.t, perSecond/floodSockets, func(n int) string { return name(n*floodSockets + i) })
		})
		go s.receive(h.t)
	}
	h.t.Cleanup(cancel)
	return f
}

// send sends at a steady rate, and catches up when it was held up.
func (s *stream) send(ctx context.Context, t testing.TB, perSecond int, name func(i int) string) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	start := time.Now()
	for n := 0; n <= 0xFFFF; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(start).Seconds() * float64(perSecond)); n < due && n <= 0xFFFF; n++ {
			query := new(dns.Msg).SetQuestion(name(n), dns.TypeA).SetEdns0(1232, false)
			query.Id = uint16(n)
			wire, err := query.Pack()
			if err != nil {
				t.Error(err)
				return
			}
			s.mu.Lock()
			s.asked = append(s.asked, asked{name: query.Question[0].Name, sent: time.Now()})
			s.mu.Unlock()
			if _, err := s.conn.Write(wire); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// receive takes in answers until the socket is closed.
func (s *stream) receive(t testing.TB) {
	buf := make([]byte, dns.MaxMsgSize)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		m := new(dns.Msg)
		if err := m.Unpack(buf[:n]); err != nil || len(m.Question) != 1 {
			t.Errorf("no answer: %x (%v)", buf[:n], err)
			continue
		}
		s.mu.Lock()
		if id := int(binary.BigEndian.Uint16(buf)); id >= len(s.asked) || s.asked[id].name != m.Question[0].Name || s.asked[id].took != 0 {
			t.Errorf("an answer that nobody waits for: %v", m)
		} else {
			a := &s.asked[id]
			a.took, a.rcode, a.address = now.Sub(a.sent), m.Rcode, (sample{m: m}).address()
			if opt := m.IsEdns0(); opt != nil {
				for _, o := range opt.Option {
					ede, ok := o.(*dns.EDNS0_EDE)
					a.blocked = a.blocked || ok && ede.InfoCode == dns.ExtendedErrorCodeBlocked
				}
			}
		}
		s.mu.Unlock()
	}
}

// stop ends the flood, waits for its last answers as long as clients do, and
// returns what became of every query.
func (f *flood) stop() []asked {
	f.t.Helper()
	f.cancel()
	f.running.Wait()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(clientPatience); time.Now().Before(limit); <-tick.C {
		if _, waiting := f.answered(); waiting == 0 {
			break
		}
	}
	var all []asked
	for _, s := range f.streams {
		s.mu.Lock()
		all = append(all, s.asked...)
		s.mu.Unlock()
	}
	return all
}

// answered is how many queries have their answers, and how many have none yet.
func (f *flood) answered() (yes, no int) {
	for _, s := range f.streams {
		s.mu.Lock()
		for i := range s.asked {
			if s.asked[i].took == 0 {
				no++
			} else {
				yes++
			}
		}
		s.mu.Unlock()
	}
	return yes, no
}

// more returns when n more queries have been answered.
func (f *flood) more(n int) {
	f.t.Helper()
	before, _ := f.answered()
	eventually(f.t, "more answers", func() bool {
		yes, _ := f.answered()
		return yes >= before+n
	})
}
