package appliance

import (
	"tundns/config"
	"tundns/tunnel"
	"tundns/tunnel/wgquick"
)

// tunnelOptions says what interface c wants. The WireGuard configuration is nil
// in mode dns.
func tunnelOptions(c *config.Config) (tunnel.Options, *wgquick.Config, error) {
	opts := tunnel.Options{Name: c.TUN.Name, MTU: c.TUN.MTU, Addresses: c.TUN.Addresses, Virtual: c.DNS.Addresses}
	if c.Mode != config.ModeClient {
		return opts, nil, nil
	}
	wg, err := wgquick.Load(c.WireGuard.Config)
	if err != nil {
		return opts, nil, err
	}
	if !c.IsSet("tun.name") {
		opts.Name = "" // the file's name is the interface's, as with wg-quick
	}
	opts, err = tunnel.ClientOptions(wg, opts)
	return opts, wg, err
}
