package localnames_test

import (
	"fmt"

	"tundns/dnswire"
	"tundns/localnames"
)

func Example() {
	var b localnames.Builder
	for _, line := range []string{
		"nas.home.arpa A 192.168.1.5",
		"www.home.arpa CNAME www.example.com",
	} {
		if err := b.Add(line); err != nil {
			fmt.Println(err)
		}
	}
	names, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range []string{"nas.home.arpa", "www.home.arpa", "tv.home.arpa", "example.com"} {
		name := dnswire.MustName(s)
		r := names.Lookup(name, dnswire.TypeA)
		if zone, ok := localnames.SpecialUse(name); ok {
			r = zone.Lookup(names, name, dnswire.TypeA)
		}
		fmt.Println(s, r.Status, len(r.Records), r.Continue.Text())
	}
	// Output:
	// nas.home.arpa answer 1 .
	// www.home.arpa answer 1 www.example.com
	// tv.home.arpa NXDOMAIN 0 .
	// example.com absent 0 .
}
