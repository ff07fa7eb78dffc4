package download

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// within wants d to be the duration given, give or take a tenth.
func within(t *testing.T, what string, d, want time.Duration) {
	t.Helper()
	if d < want-want/10 || d > want+want/10 {
		t.Errorf("%s after %v, want %v ± 10 %%", what, d, want)
	}
}

// gaps returns the times between the requests so far.
func (p *publisher) gaps() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(p.at); i++ {
		out = append(out, p.at[i].Sub(p.at[i-1]))
	}
	return out
}

func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(3), `"a"`))
		r := open(t, p.options(t))
		r.Start()
		r.Start()
		time.Sleep(40 * DefaultInterval)
		gaps := p.gaps()
		for _, d := range gaps {
			within(t, "a fetch", d, DefaultInterval)
		}
		if len(gaps) < 30 || slices.Min(gaps) == slices.Max(gaps) {
			t.Errorf("%d fetches, without jitter: %v", len(gaps), gaps)
		}
	})
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, status(500))
		o := p.options(t, List{Name: "ads", URL: "https://example.com/", Interval: time.Hour})
		r := open(t, o)
		r.Start()
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		gaps := p.gaps()
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			within(t, "a retry", gaps[i], want*time.Minute)
		}
		s := r.Status()[0]
		if s.Failures != len(gaps)+1 || s.Path != "" || s.Next.Before(time.Now()) || s.Err.Reason != HTTPStatus {
			t.Errorf("%+v", s)
		}
		p.set(text(rules(3), ""))
		time.Sleep(67 * time.Minute)
		has(t, r, rules(3))
		p.set(status(500))
		n := len(p.gaps())
		time.Sleep(70 * time.Minute)
		within(t, "the first retry after a success", p.gaps()[n+1], time.Minute)
	})
}

// TestStart has a copy of many ages.
func TestStart(t *testing.T) {
	for _, tt := range []struct {
		age  time.Duration
		want int // requests at once
	}{
		{0, 0},
		{12 * time.Hour, 0},
		{24*time.Hour - time.Second, 0},
		{24 * time.Hour, 1},
		{1000 * time.Hour, 1},
		{-time.Second, 1}, // made by a clock that was wrong
	} {
		t.Run(tt.age.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, text(rules(3), `"a"`))
				o := p.options(t)
				start := time.Now()
				o.now = func() time.Time { return start }
				refresh(t, open(t, o))
				p.seen()
				o.now = func() time.Time { return start.Add(tt.age).Add(time.Since(start)) }
				o.Changed = func() { t.Error("told of a change") }
				r := open(t, o)
				has(t, r, rules(3))
				if tt.want == 0 {
					within(t, "the first fetch", r.Status()[0].Next.Sub(o.now()), DefaultInterval-tt.age)
				}
				synctest.Wait()
				if n := len(p.seen()); n != 0 {
					t.Errorf("New sent %d requests", n)
				}
				r.Start()
				synctest.Wait()
				if n := len(p.seen()); n != tt.want {
					t.Errorf("%d requests, want %d", n, tt.want)
				}
				has(t, r, rules(3))
				time.Sleep(27 * time.Hour)
				if n := len(p.seen()); n == 0 {
					t.Error("never fetched again")
				}
			})
		})
	}
}

// TestClock sets the wall clock while the timers go on, as sleep does.
func TestClock(t *testing.T) {
	for name, jump := range map[string]time.Duration{"slept": 30 * time.Hour, "put back": -30 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(t, text(rules(3), `"a"`))
				o := p.options(t)
				var offset atomic.Int64
				o.now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
				r := open(t, o)
				r.Start()
				time.Sleep(time.Hour)
				if n := len(p.seen()); n != 1 {
					t.Fatalf("%d requests", n)
				}
				offset.Store(int64(jump))
				time.Sleep(glance)
				synctest.Wait()
				if n := len(p.seen()); n != 1 {
					t.Errorf("%d requests after the jump, want 1", n)
				}
				time.Sleep(time.Hour)
				if n := len(p.seen()); n != 0 {
					t.Errorf("%d requests more", n)
				}
			})
		})
	}
}

// TestWithoutNetwork starts with old copies and no network.
func TestWithoutNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, text(rules(3), `"a"`))
		o := p.options(t, ads, List{Name: "malware", URL: "https://example.com/malware"})
		r := open(t, o)
		refresh(t, r)
		if err := r.Refresh(t.Context(), "malware"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		var offline atomic.Bool
		offline.Store(true)
		o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if offline.Load() {
				return nil, errors.New("network is unreachable")
			}
			return p.dial(ctx, network, addr)
		}
		o.Lists = append(o.Lists, List{Name: "new", URL: "https://example.com/new"})
		j := new(journal)
		o.Log, o.Observer = j.log(0), j
		r = open(t, o)
		r.Start()
		r.Start()
		has(t, r, rules(3))
		if r.Path("new") != "" {
			t.Error("a copy from nowhere")
		}
		time.Sleep(100 * time.Hour)
		lines, observed := j.take()
		var warned []string
		for _, l := range lines {
			for _, list := range []string{"ads", "malware", "new"} {
				if strings.Contains(l, "list="+list+" reason=network error=\"network is unreachable\" next=") {
					warned = append(warned, list)
				}
			}
		}
		slices.Sort(warned)
		if len(lines) != 4 || !slices.Equal(warned, []string{"ads", "malware", "new"}) || !strings.Contains(lines[0], "lists=[new] \"copies of others\"=2") {
			t.Errorf("logged %q", lines)
		}
		if len(observed) < 3*12 {
			t.Errorf("gave up after %d failures", len(observed))
		}
		has(t, r, rules(3))
		offline.Store(false)
		time.Sleep(27 * time.Hour)
		lines, observed = j.take()
		if len(lines) != 3 || !slices.Contains(observed, "new ok") || r.Path("new") == "" {
			t.Errorf("back on the network: %q, %q", lines, observed)
		}
	})
}

// TestRepeatedFailures counts the warnings: one for each outage of the network,
// and one for each refusal.
func TestRepeatedFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, nil)
		o, j := p.options(t), new(journal)
		o.Log = j.log(slog.LevelWarn)
		r := open(t, o)
		for i, step := range []struct {
			answer http.HandlerFunc // nil: no network
			warns  bool
		}{{nil, true}, {nil, false}, {status(500), true}, {status(500), true}, {nil, true}, {nil, false}, {text(rules(1), ""), false}, {nil, true}} {
			p.set(step.answer)
			r.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if step.answer == nil {
					return nil, errors.New("network is unreachable")
				}
				return p.dial(ctx, network, addr)
			}
			r.Refresh(t.Context(), "ads")
			if lines, _ := j.take(); len(lines) > 1 || len(lines) == 1 != step.warns {
				t.Errorf("step %d: logged %q", i, lines)
			}
		}
	})
}

// TestRetry has the network come back long before the backoff's end.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := publish(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gone" {
				w.WriteHeader(http.StatusGone)
				return
			}
			io.WriteString(w, rules(3))
		})
		o := p.options(t, ads, List{Name: "gone", URL: "https://example.com/gone"})
		var tries, offline atomic.Int32
		offline.Store(1)
		o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if tries.Add(1); offline.Load() == 1 {
				return nil, errors.New("network is unreachable")
			}
			return p.dial(ctx, network, addr)
		}
		r := open(t, o)
		r.Start()
		time.Sleep(10 * time.Hour)
		before := tries.Load()
		for range 100 {
			r.Retry()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := tries.Load() - before; n < 2 || n > 4 { // once or twice each
			t.Errorf("%d tries in 100 s of asking for them", n)
		}
		offline.Store(0)
		r.Retry()
		time.Sleep(firstRetry + firstRetry/10)
		synctest.Wait()
		has(t, r, rules(3))
		p.seen()
		r.Retry() // not for what the server has refused, nor for what succeeded
		time.Sleep(2 * firstRetry)
		synctest.Wait()
		if n := len(p.seen()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}
