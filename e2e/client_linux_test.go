package e2e

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// clientPatience is how long stub resolvers wait for an answer.
const clientPatience = 5 * time.Second

// exchange sends one query from the host to the virtual IPv4 address, over a
// socket of its own, and returns the answer. It never sends a second time.
func (h *host) exchange(network string, query *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), clientPatience)
	defer cancel()
	conn, err := h.dial(ctx, network, net.JoinHostPort(virtual4, "53"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	c := &dns.Conn{Conn: conn, UDPSize: dns.MaxMsgSize}
	if err := c.WriteMsg(query); err != nil {
		return nil, err
	}
	m, err := c.ReadMsg()
	if err == nil && (m.Id != query.Id || len(m.Question) != 1 || m.Question[0] != query.Question[0]) {
		return nil, fmt.Errorf("an answer to another query: %v", m)
	}
	return m, err
}

// sample is the fate of one query of a load.
type sample struct {
	sent time.Time
	took time.Duration
	m    *dns.Msg
	err  error
}

// address is the first address of the answer, empty without one.
func (s sample) address() string {
	if s.m == nil {
		return ""
	}
	for _, rr := range s.m.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String()
		}
	}
	return ""
}

// load asks questions at a steady rate until it is told to stop.
type load struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	samples []sample
}

// startLoad asks for the address of name(0), name(1) and so on, so many times a
// second, each over UDP and once.
func (h *host) startLoad(perSecond int, name func(i int) string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	h.t.Cleanup(func() { l.stop() })
	l.running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			query := new(dns.Msg).SetQuestion(name(i), dns.TypeA).SetEdns0(1232, false)
			l.running.Go(func() {
				s := sample{sent: time.Now()}
				s.m, s.err = h.exchange("udp", query)
				s.took = time.Since(s.sent)
				l.mu.Lock()
				defer l.mu.Unlock()
				l.samples = append(l.samples, s)
			})
		}
	})
	return l
}

// done returns the queries that have ended so far, in the order of their ends.
func (l *load) done() []sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.samples)
}

// stop ends the load, waits for the last answer and returns every sample in the
// order of sending.
func (l *load) stop() []sample {
	l.cancel()
	l.running.Wait()
	samples := l.done()
	slices.SortFunc(samples, func(a, b sample) int { return a.sent.Compare(b.sent) })
	return samples
}

// lost describes the queries that were not answered NOERROR, at most ten.
func lost(samples []sample) (lines []string) {
	for _, s := range samples {
		if len(lines) == 10 {
			break
		}
		if s.err != nil {
			lines = append(lines, fmt.Sprintf("sent %v: after %v: %v", s.sent.Format(time.StampMilli), s.took, s.err))
		} else if s.m.Rcode != dns.RcodeSuccess {
			lines = append(lines, fmt.Sprintf("sent %v: after %v: %s %v", s.sent.Format(time.StampMilli), s.took, dns.RcodeToString[s.m.Rcode], s.m))
		}
	}
	return lines
}

// delays are the durations of a load.
type delays []time.Duration

// delaysOf returns the samples' durations, the shortest first.
func delaysOf(samples []sample) delays {
	d := make(delays, len(samples))
	for i, s := range samples {
		d[i] = s.took
	}
	slices.Sort(d)
	return d
}

// at is a quantile, of 0 to 1, and 0 without samples.
func (d delays) at(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[int(q*float64(len(d)-1))]
}

func (d delays) String() string {
	return fmt.Sprintf("%d queries, p50 %v, p99 %v, longest %v", len(d),
		d.at(0.5).Round(10*time.Microsecond), d.at(0.99).Round(10*time.Microsecond), d.at(1).Round(10*time.Microsecond))
}
