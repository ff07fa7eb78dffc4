package policy_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"tundns/blocklists"
	"tundns/dnswire"
	"tundns/policy"
)

func Example() {
	text := "ads.example\n@@||fair.ads.example^\n"
	set, reports, err := blocklists.Load(context.Background(), []blocklists.Source{{
		Name: "ads",
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reports[0].Rules, "rules,", reports[0].Format)

	p, err := policy.New(policy.Options{Set: set, Groups: []policy.ClientGroup{{
		Name:       "guests",
		Clients:    []netip.Prefix{netip.MustParsePrefix("10.0.9.0/24")},
		Block:      policy.BlockMode{Kind: policy.NXDOMAIN},
		SafeSearch: policy.SafeBing,
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	guest := p.Client(netip.MustParseAddr("10.0.9.3"))
	for _, name := range []string{"www.ads.example", "fair.ads.example", "www.example", "www.bing.com"} {
		v := guest.Group.Question(&policy.Question{Name: dnswire.MustName(name), Type: dnswire.TypeA, Client: guest})
		fmt.Println(strings.TrimSpace(fmt.Sprint(name, ": ", v.Action, " ", v.Reason())))
	}
	// Output:
	// 2 rules, domains
	// www.ads.example: block ads:1 ||ads.example^
	// fair.ads.example: allow ads:2 @@||fair.ads.example^
	// www.example: none
	// www.bing.com: rewrite safe search: bing
}
