package datapath_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"tundns/datapath"
	"tundns/datapath/memtun"
)

// A virtual service that says hello at 10.30.30.30, UDP port 7.
func ExampleFilter() {
	device := memtun.New(memtun.Options{}) // in earnest: tun.CreateTUN("tun0", 1420)
	address := netip.MustParseAddr("10.30.30.30")
	filter, err := datapath.New(device, datapath.Config{Addresses: []netip.Addr{address}})
	if err != nil {
		log.Fatal(err)
	}
	defer filter.Close()
	go filter.Run(context.Background()) // a tunnel would read the filter instead

	service, err := filter.ListenUDP(netip.AddrPortFrom(address, 7))
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := service.ReadDatagram(buf)
			if err != nil {
				return
			}
			service.WriteDatagram(fmt.Appendf(nil, "hello, %s", buf[:n]), from)
		}
	}()

	fmt.Println(datapath.Ask(device, "10.30.30.1:4000", "10.30.30.30:7", "world"))
	// Output: hello, world
}
