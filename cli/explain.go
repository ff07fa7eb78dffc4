package cli

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/miekg/dns"

	"tundns/appliance"
)

type explainCmd struct {
	configFlags
	Name   string `arg:"" help:"The name to explain."`
	Type   string `help:"The type asked for." default:"A"`
	Client string `help:"The client that asks; this host itself if not given." placeholder:"IP"`
}

// Run prints what policy does with the name: client group, every rule that
// matched, which one won, and the answer that the client gets.
func (cmd *explainCmd) Run(s streams) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	if u, err := url.Parse(cmd.Name); err == nil && u.Hostname() != "" {
		return fmt.Errorf("%s is a URL; ask for the name in it: tundns explain %s", cmd.Name, u.Hostname())
	}
	typ, ok := dns.StringToType[strings.ToUpper(cmd.Type)]
	if !ok {
		return fmt.Errorf("--type %s is not a DNS type; try A, AAAA, HTTPS or TXT", cmd.Type)
	}
	client := c.TUN.Addresses[0].Addr()
	if cmd.Client != "" {
		if client, err = netip.ParseAddr(cmd.Client); err != nil {
			return fmt.Errorf("--client %s is not an IP address", cmd.Client)
		}
	}
	return appliance.Explain(context.Background(), c, client, cmd.Name, typ, s.out)
}
