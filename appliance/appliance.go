package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"

	"tundns/cache"
	"tundns/config"
	"tundns/datapath"
	"tundns/policy"
	"tundns/resolver"
	"tundns/telemetry"
	"tundns/tunnel"
)

// Options say what to start.
type Options struct {
	// Config is a validated configuration.
	Config *config.Config
	// Load reads the configuration anew for Reload. nil: Reload uses Config.
	Load func() (*config.Config, error)
	// Version is told to who asks for it: version.tundns, metrics.
	Version string
	// Log gets what happens after the start; nil: slog.Default().
	Log *slog.Logger
}

// Appliance is tundns at work. Its methods may be called by several goroutines
// at once.
type Appliance struct {
	load    func() (*config.Config, error)
	version string
	log     *slog.Logger
	metrics *telemetry.Metrics
	cache   *cache.Messages
	pauses  policy.Pauses
	fetched chan struct{} // holds a value when new copies of lists are there
	queries queryLog

	device   *tunnel.Device
	filter   *datapath.Filter
	client   *tunnel.Client // in mode client only
	resolver *resolver.Resolver

	ctx     context.Context // ends the services
	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error // holds the first error of a service that ended by itself

	reload  sync.Mutex              // held while the current rules are replaced
	current atomic.Pointer[ruleset] // what is in force
	watcher *fsnotify.Watcher       // nil where files cannot be watched
	closed  sync.Once
	closing []func() // in the reverse order of starting
}

// Start starts everything and returns when queries are answered. When it fails,
// all that it had started is gone again.
func Start(o Options) (a *Appliance, err error) {
	a = &Appliance{load: o.Load, version: o.Version, log: o.Log, failed: make(chan error, 1), fetched: make(chan struct{}, 1), queries: queryLog{lines: make(chan slog.Record, queryLogLen)}}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.load == nil {
		a.load = func() (*config.Config, error) { return o.Config, nil }
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			a.Close()
			a = nil
		}
	}()
	c := o.Config
	a.metrics = telemetry.New(o.Version)
	a.cache = cache.New(cache.Options{MaxBytes: c.Cache.MaxBytes, StaleFor: c.Cache.StaleFor})
	if path := c.Cache.Snapshot; path != "" {
		a.loadSnapshot(path)
		a.onClose(func() { a.saveSnapshot(path) }) // the last of all: nobody asks any more
	}
	rules, err := compile(a.ctx, c, a.surroundings(), nil)
	if err != nil {
		return a, err
	}
	if err := rules.runTests(); err != nil {
		// There is no old policy to stay with, and no DNS at all would be worse.
		a.log.Error("policy tests fail", "error", err)
	}
	a.current.Store(rules)
	a.onClose(func() { a.current.Load().close() })
	a.resolver = resolver.New(resolver.Options{State: rules.state(), Cache: a.cache, Observer: a.metrics, Log: a.logQuery, Version: "tundns " + o.Version})
	a.onClose(func() { a.resolver.Close() })
	if err := a.listenMetrics(c.Metrics.Listen); err != nil {
		return a, err
	}
	if err := a.openTunnel(c); err != nil {
		return a, err
	}
	a.metrics.Sample(a.sample)
	a.metrics.Loaded()
	a.running.Go(func() { a.queries.run(a.ctx, a.log) })
	a.awaitLists()
	a.startFetching(nil)
	a.listenControl()
	a.watch()
	returnMemory(nil, rules.set)
	return a, nil
}

// onClose has f called by Close, before what was given earlier.
func (a *Appliance) onClose(f func()) { a.closing = append(a.closing, f) }

// run starts a service. Its end by itself is the appliance's failure.
func (a *Appliance) run(name string, serve func() error) {
	a.running.Go(func() {
		err := serve()
		if a.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		select {
		case a.failed <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	})
}

// openTunnel opens the interface, puts the filter around it and the services on
// the virtual addresses, and lets traffic in last.
func (a *Appliance) openTunnel(c *config.Config) error {
	opts, wg, err := tunnelOptions(c)
	if err != nil {
		return err
	}
	opts.Logf = func(format string, args ...any) { a.log.Warn(fmt.Sprintf(format, args...)) }
	if a.device, err = tunnel.Open(opts); err != nil {
		return err
	}
	a.onClose(func() {
		if err := a.device.Close(); err != nil {
			a.log.Error(err.Error())
		}
	})
	if a.filter, err = datapath.New(a.device.TUN(), datapath.Config{Addresses: c.DNS.Addresses}); err != nil {
		return err
	}
	a.onClose(func() { a.filter.Close() })
	if err := a.serve(c.DNS.Addresses); err != nil {
		return err
	}
	if wg == nil {
		a.run("interface "+a.device.Name(), func() error { return a.filter.Run(a.ctx) })
		return a.device.Up()
	}
	for _, w := range wg.Warnings {
		a.log.Warn(w)
	}
	a.client, err = tunnel.NewClient(a.filter, a.device.Name(), wg, a.endpoint, opts.Logf)
	if err != nil {
		return err
	}
	a.onClose(func() { a.client.Close() })
	a.run("WireGuard", func() error {
		select {
		case <-a.client.Done():
			return fmt.Errorf("interface %s is gone", a.device.Name())
		case <-a.ctx.Done():
			return nil
		}
	})
	return a.device.Up()
}

// serve puts DNS and HTTP on the virtual addresses.
func (a *Appliance) serve(addrs []netip.Addr) error {
	server := &resolver.Server{Handler: a.resolver, MaxUDPSize: resolver.OurUDPSize, Observer: a.metrics}
	for _, addr := range addrs {
		server.MaxUDPSize = min(server.MaxUDPSize, a.filter.MaxUDPPayload(addr))
	}
	web := a.webServer()
	a.onClose(func() { web.Close() })
	for _, addr := range addrs {
		udp, err := a.filter.ListenUDP(netip.AddrPortFrom(addr, 53))
		if err != nil {
			return err
		}
		tcp, err := a.filter.ListenTCP(netip.AddrPortFrom(addr, 53))
		if err != nil {
			return err
		}
		page, err := a.filter.ListenTCP(netip.AddrPortFrom(addr, 80))
		if err != nil {
			return err
		}
		a.run("DNS over UDP at "+addr.String(), func() error { return server.ServeUDP(a.ctx, udp) })
		a.run("DNS over TCP at "+addr.String(), func() error { return server.ServeTCP(a.ctx, tcp) })
		a.run("HTTP at "+addr.String(), func() error { return ignoreClosed(web.Serve(limit(page))) })
	}
	return nil
}

// ignoreClosed makes the errors nil by which servers say that they were closed.
func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Failed gives the reason when a part ends by itself, such as an interface that
// somebody removed. The appliance is to be closed then.
func (a *Appliance) Failed() <-chan error { return a.failed }

// Close stops everything: interface and routes are gone when it returns. It does
// not wait for upstreams: queries in flight are lost, and their clients ask
// elsewhere. Further calls do nothing.
func (a *Appliance) Close() error {
	a.closed.Do(func() {
		a.cancel()
		a.reload.Lock() // a reload under way ends soon; none comes after
		for i := len(a.closing) - 1; i >= 0; i-- {
			a.closing[i]()
		}
		a.reload.Unlock() // one that was about to begin finds that all is closed
		a.running.Wait()
	})
	return nil
}
