package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"tundns/tunnel/wgquick"
)

// Resolver returns an address of a host by name. It must return when ctx is done, and must
// not depend on the tunnel that the address is for.
type Resolver func(ctx context.Context, host string) (netip.Addr, error)

// Client is WireGuard as a client on a TUN interface. Its methods may be called from
// several goroutines at once.
type Client struct {
	dev   *device.Device
	uapi  *uapiServer
	close func()
}

// NewClient runs WireGuard as conf says. Packets read from dev are encrypted to the peer
// whose AllowedIPs hold their destination, what peers send is written to dev. name is the
// interface's, for the socket by which "wg show NAME" finds WireGuard; if that socket
// cannot be had, as without write access to /var/run/wireguard, logf is told and
// everything else works.
//
// Peers whose endpoint is an address can be reached when NewClient returns. An endpoint
// that is a name is passed to resolve in the background, at once and then every 0.5 s,
// 1 s, 2 s up to 30 s until it gives an address; the start never waits for it. An address
// inside AllowedIPs counts as none. resolve may be nil if no endpoint is a name.
//
// logf gets errors after the start, one line each, without keys. It must be safe for
// concurrent use; nil discards.
//
// The Client owns dev from the call on: dev is closed by Close, and also before NewClient
// returns an error. conf must not be changed meanwhile.
func NewClient(dev tun.Device, name string, conf *wgquick.Config, resolve Resolver, logf func(format string, args ...any)) (*Client, error) {
	if err := checkEndpoints(conf); err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	named := slices.ContainsFunc(conf.Peers, func(p wgquick.Peer) bool { return isName(p.Endpoint) })
	if named && resolve == nil {
		return nil, errors.Join(fmt.Errorf("%s: an endpoint is a name and there is no way given to resolve it", conf.File), dev.Close())
	}
	settings, err := startSettings(conf)
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	logf = withoutKeys(logf)
	var started atomic.Bool
	c := &Client{dev: device.NewDevice(dev, conn.NewDefaultBind(), &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf: func(format string, args ...any) {
			// What fails at the start is returned; it need not be said twice.
			if started.Load() {
				logf(format, args...)
			}
		},
	})}
	if err := c.start(settings, conf.ListenPort); err != nil {
		c.dev.Close()
		return nil, fmt.Errorf("start WireGuard: %w", err)
	}
	started.Store(true)
	if c.uapi, err = serveUAPI(c.dev, name); err != nil {
		logf("\"wg show %s\" will not work: %v", name, err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var resolving sync.WaitGroup
	for i := range conf.Peers {
		if !isName(conf.Peers[i].Endpoint) {
			continue
		}
		r := resolution{peer: &conf.Peers[i], conf: conf, lookup: resolve, set: c.dev.IpcSet, logf: logf}
		resolving.Go(func() { r.run(ctx) })
	}
	c.close = sync.OnceFunc(func() {
		cancel()
		// A connection to the socket may hold WireGuard's configuration lock for as long as it
		// likes; without it the resolutions, and then the device, can end.
		c.uapi.close()
		resolving.Wait()
		c.dev.Close()
	})
	return c, nil
}

// start configures WireGuard and opens its UDP sockets, at listenPort unless that is 0. It
// does not wait for the link: when that comes up later, the interface's event opens the
// sockets anew at the same port.
func (c *Client) start(settings string, listenPort int) error {
	err := c.dev.IpcSet(settings)
	if err == nil {
		err = c.dev.Up()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return portInUse(listenPort)
	}
	if err != nil || listenPort == 0 {
		return err
	}
	// The interface's event may have tried to open the sockets before Up did. WireGuard
	// forgets the port when that fails and takes any other the next time.
	state, err := c.dev.IpcGet()
	if err == nil && !strings.Contains(state, fmt.Sprintf("\nlisten_port=%d\n", listenPort)) {
		err = portInUse(listenPort)
	}
	return err
}

func portInUse(port int) error {
	return fmt.Errorf("UDP port %d is in use by another program; choose another ListenPort, or none", port)
}

// Done is closed when WireGuard has ended: by Close, or because the interface was removed
// by somebody else. Close is still to be called then.
func (c *Client) Done() <-chan struct{} { return c.dev.Wait() }

// Close ends WireGuard, removes the socket of "wg show" and closes the tun.Device. When it
// returns, no goroutine of the Client runs any more. Further calls do nothing.
//
// It must not be called from what reads or writes the tun.Device.
func (c *Client) Close() error {
	c.close()
	return nil
}

func isName(e wgquick.Endpoint) bool {
	_, literal := e.Addr()
	return !literal && !e.IsZero()
}

// startSettings returns what WireGuard is to know at the start. Peers whose endpoint is a
// name get neither endpoint nor keepalive, both of which endpointUpdate brings: a keepalive
// without an endpoint would fail, and hold up the next handshake for 5 s.
func startSettings(conf *wgquick.Config) (string, error) {
	start := *conf
	start.Peers = slices.Clone(conf.Peers)
	for i := range start.Peers {
		if p := &start.Peers[i]; isName(p.Endpoint) {
			p.Endpoint, p.PersistentKeepalive = wgquick.Endpoint{}, 0
		}
	}
	return start.UAPI(nil)
}
