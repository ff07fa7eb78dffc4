package appliance

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"

	"tundns/blocklists"
	"tundns/config"
	"tundns/dnswire"
	"tundns/policy"
	"tundns/resolver"
)

// Check builds everything that c names short of opening a tunnel or asking an
// upstream, and reports on the lists. c must be valid.
func Check(ctx context.Context, c *config.Config) ([]blocklists.Report, error) {
	if _, _, err := tunnelOptions(c); err != nil {
		return nil, err
	}
	r, err := compile(ctx, c, nil, nil)
	if err != nil {
		return nil, err
	}
	r.close()
	return r.reports, nil
}

// Explain writes to w what c's policy does with a name of a type that client
// asks for, why, and the answer where it is ours to give.
func Explain(ctx context.Context, c *config.Config, client netip.Addr, host string, typ uint16, w io.Writer) error {
	r, err := compilePolicy(ctx, c)
	if err != nil {
		return err
	}
	ascii, err := idna.Punycode.ToASCII(host)
	if err != nil {
		ascii = host // the next line says what is wrong with it
	}
	name, err := dnswire.ParseName(ascii)
	if err != nil {
		return err
	}
	e := r.policy.Explain(client, name)
	fmt.Fprintln(w, e)
	if e.Verdict.Action != policy.Block {
		fmt.Fprintf(w, "answer: that of %s", r.answering(name))
		if e.Verdict.Action == policy.None {
			fmt.Fprintf(w, ", unless it leads to a name that is blocked")
		}
		fmt.Fprintln(w)
		return nil
	}
	// The resolver itself gives the answer, so that this cannot differ from it.
	res := resolver.New(resolver.Options{State: resolver.State{Policy: r.policy}})
	defer res.Close()
	a, err := res.Resolve(ctx, resolver.NewQuery(name, typ, netip.AddrPortFrom(client, 0)))
	if err != nil {
		return err
	}
	m := new(dns.Msg)
	if err := m.Unpack(a.Message); err != nil {
		return err
	}
	status := dns.RcodeToString[m.Rcode]
	if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0 {
		status = "NODATA"
	}
	fmt.Fprintf(w, "answer: %s", status)
	for _, rr := range m.Answer {
		fmt.Fprintf(w, ", %s", strings.Join(strings.Fields(rr.String())[1:], " "))
	}
	for _, e := range a.Errors {
		fmt.Fprintf(w, ", EDE %d %q", e.Code, e.Text)
	}
	fmt.Fprintln(w)
	return nil
}

// answering says which upstream group is asked for name, and why.
func (r *ruleset) answering(name dnswire.Name) string {
	if route := r.routes.Find(name); route != nil {
		return fmt.Sprintf("upstream group %s, by its domain %s", route.Group, route)
	}
	return "upstream group " + r.config.Upstreams[defaultUpstream(r.config)].Name
}
