package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tundns/tunnel/wgquick"
)

func TestCheckEndpoints(t *testing.T) {
	tests := []struct{ endpoint, want string }{
		{"192.0.2.1", ""},
		{"2001:db8::1", ""},
		{"gateway.example", ""}, // checked when it is resolved
		{"10.8.0.77", "wg0.conf:7: endpoint 10.8.0.77:51820 of this peer lies inside AllowedIPs 10.8.0.0/24"},
		{"10.9.0.1", "inside AllowedIPs 10.9.0.0/24"},
		{"::ffff:10.9.0.1", "inside AllowedIPs 10.9.0.0/24"},
	}
	for _, tt := range tests {
		err := checkEndpoints(loopConfig(tt.endpoint))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("endpoint %s: error %v, want %q", tt.endpoint, err, tt.want)
		}
	}
}

func TestResolutionBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		var updates, lines []string
		conf := loopConfig("gateway.example")
		conf.Peers[0].PersistentKeepalive = 25
		r := resolution{
			peer: &conf.Peers[0],
			conf: conf,
			lookup: func(_ context.Context, host string) (netip.Addr, error) {
				if host != "gateway.example" {
					t.Errorf("asked for %q", host)
				}
				at = append(at, time.Since(start))
				switch len(at) {
				case 1:
					return netip.Addr{}, nil
				case 2:
					return netip.MustParseAddr("10.8.0.3"), nil // inside AllowedIPs
				case 9:
					return netip.MustParseAddr("::ffff:192.0.2.1"), nil
				}
				return netip.Addr{}, errors.New("no such host")
			},
			set: func(uapi string) error {
				updates = append(updates, uapi)
				return nil
			},
			logf: func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) },
		}
		r.run(t.Context())

		var want []time.Duration
		for _, s := range []float64{0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5} {
			want = append(want, time.Duration(s*float64(time.Second)))
		}
		if !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v", at, want)
		}
		update := "public_key=" + strings.Repeat("0", 64) + "\nupdate_only=true\nendpoint=192.0.2.1:51820\npersistent_keepalive_interval=25\n"
		if !slices.Equal(updates, []string{update}) {
			t.Errorf("updates %q, want %q", updates, update)
		}
		for i, want := range []string{
			`gateway.example:51820 of a peer (wg0.conf:7): no address for "gateway.example"; next attempt in 500ms`,
			"10.8.0.3 lies inside AllowedIPs 10.8.0.0/24",
			"no such host; next attempt in 2s",
		} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %d is %q, want %q in it", i, lines[i], want)
			}
		}
		if len(lines) != 8 {
			t.Errorf("%d lines for 8 failures", len(lines))
		}
	})
}

func TestResolutionEnds(t *testing.T) {
	for _, name := range []string{"waiting", "asking"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				conf := loopConfig("gateway.example")
				r := resolution{
					peer: &conf.Peers[0],
					conf: conf,
					lookup: func(ctx context.Context, _ string) (netip.Addr, error) {
						if name == "asking" {
							<-ctx.Done()
							return netip.Addr{}, ctx.Err()
						}
						return netip.Addr{}, errors.New("no such host")
					},
					set:  func(string) error { t.Error("an endpoint was set"); return nil },
					logf: func(string, ...any) {},
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					r.run(ctx)
				}()
				synctest.Wait()
				before := time.Now()
				cancel()
				<-ended
				if d := time.Since(before); d != 0 {
					t.Errorf("ended %v after its context", d)
				}
			})
		})
	}
}

func TestWithoutKeys(t *testing.T) {
	withoutKeys(nil)("a line for nobody")
	secret := wgquick.Key{1, 2, 3, 250, 251, 252}
	for _, text := range []string{secret.Base64(), secret.Hex(), strings.ToUpper(secret.Hex())} {
		var got string
		logf := withoutKeys(func(format string, args ...any) { got = fmt.Sprintf(format, args...) })
		logf("failed to parse line %q at 100%%", "PrivateKey = "+text)
		if want := `failed to parse line "PrivateKey = (key)" at 100%`; got != want {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
}
