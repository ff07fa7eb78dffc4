package appliance

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"

	"tundns/cache"
	"tundns/config"
	"tundns/dnswire"
	"tundns/policy"
	"tundns/resolver"
)

// Explain writes to w the whole way of a question that client asks: what the
// policy says of the name and why, who answers it, where the answer leads to, and
// the answer that the client gets. Unless the name is blocked or our own, the
// upstreams of c are asked.
func Explain(ctx context.Context, c *config.Config, client netip.Addr, host string, typ uint16, w io.Writer) error {
	ascii, err := idna.Punycode.ToASCII(host)
	if err != nil {
		ascii = host // the next line says what is wrong with it
	}
	name, err := dnswire.ParseName(ascii)
	if err != nil {
		return err
	}
	r, err := compile(ctx, c, offline, nil)
	if err != nil {
		return err
	}
	defer r.close()

	// Resolvers give the answers, so that these cannot differ from what clients
	// get: one without policy for what the policy looks into, one with all.
	state := r.state()
	innocent := state
	innocent.Policy = nil
	shared := cache.New(cache.Options{})
	a, err := resolve(ctx, state, shared, client, name, typ)
	if err != nil {
		return err
	}
	for _, list := range r.missing {
		fmt.Fprintf(w, "warning: list %s has not been fetched yet; it counts for nothing here\n", list)
	}
	if found := r.names.Lookup(name, typ); found.Continue != "" {
		// Policy judges where it leads.
		fmt.Fprintf(w, "%s: records of your own lead to %s\n", name.Text(), found.Continue.Text())
		name = found.Continue
	}
	e := r.policy.Explain(client, name, typ)
	asked := e.Verdict.Action < policy.Block
	switch {
	case a.Outcome == resolver.Local:
		e.Verdict, e.Rules, e.Why = policy.Verdict{}, nil, "tundns itself has the answer, before any rule is asked"
	case asked && a.Outcome != resolver.Failed:
		all, err := resolve(ctx, innocent, shared, client, name, typ) // cached by now
		if err != nil {
			return err
		}
		e.Answer(all.Message, r.routes.Find(name) != nil)
	}
	fmt.Fprintln(w, e)
	if asked && a.Outcome != resolver.Local {
		fmt.Fprintf(w, "answered by: %s\n", r.answering(name))
	}
	return writeAnswer(w, a)
}

func resolve(ctx context.Context, s resolver.State, c *cache.Messages, client netip.Addr, name dnswire.Name, typ uint16) (*resolver.Answer, error) {
	r := resolver.New(resolver.Options{State: s, Cache: c})
	defer r.Close()
	return r.Resolve(ctx, resolver.NewQuery(name, typ, netip.AddrPortFrom(client, 0)))
}

// writeAnswer writes an answer on one line.
func writeAnswer(w io.Writer, a *resolver.Answer) error {
	if a.Outcome == resolver.Dropped {
		_, err := fmt.Fprintln(w, "answer: none at all")
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
	_, err := fmt.Fprintln(w)
	return err
}

// answering says which upstream group is asked for name, and why.
func (r *ruleset) answering(name dnswire.Name) string {
	if route := r.routes.Find(name); route != nil {
		return fmt.Sprintf("upstream group %s, by its domain %s", route.Group, route)
	}
	return "upstream group " + r.config.Upstreams[defaultUpstream(r.config)].Name
}
