package localnames

import (
	"fmt"

	"tundns/dnswire"
)

const arpa dnswire.Name = "\x04arpa\x00"

// resolverARPA is where clients ask for encrypted ways to a resolver. It has
// none to tell of ours (RFC 9462 section 4), and others are not to answer for us.
var resolverARPA = Zone{dnswire.MustName("resolver.arpa"), "RFC 9462", Void, deniedTTL}

// maxSpecial is the number of labels of the deepest special-use zones, those of
// single IPv6 addresses.
const maxSpecial = 34

// arpaDepths are the numbers of labels that zones under arpa have.
var arpaDepths = [...]int{2, 3, 4, 5, 6, 10, maxSpecial}

// arpaZones are the special-use zones under arpa. ipv4only.arpa is not among
// them: what it answers tells clients of the network's NAT64, not of us (RFC
// 8880).
var arpaZones = func() map[dnswire.Name]Zone {
	zones := map[dnswire.Name]Zone{resolverARPA.Name: resolverARPA}
	add := func(source string, ttl uint32, names ...string) {
		for _, s := range names {
			name := dnswire.MustName(s)
			zones[name] = Zone{name, source, Served, ttl}
		}
	}
	add("RFC 8375", deniedTTL, "home.arpa")
	add("RFC 9665", deniedTTL, "service.arpa")
	// Private, loopback, link-local, documentation and broadcast addresses.
	add("RFC 6303", servedTTL,
		"0.in-addr.arpa", "10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "168.192.in-addr.arpa",
		"2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		reverseUnspecified6, loopback6.Text(),
		"d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
		"8.b.d.0.1.0.0.2.ip6.arpa")
	for i := 16; i < 32; i++ {
		add("RFC 6303", servedTTL, fmt.Sprintf("%d.172.in-addr.arpa", i))
	}
	// Addresses shared behind carrier-grade NAT, 100.64.0.0/10.
	for i := 64; i < 128; i++ {
		add("RFC 7793", servedTTL, fmt.Sprintf("%d.100.in-addr.arpa", i))
	}
	return zones
}()

const reverseUnspecified6 = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"

// Canary returns the zone of a name by which programs ask whether they may use
// another resolver, which keeps them with us when it is answered as Zone.Lookup
// says: Firefox's for DNS over HTTPS, Apple's for iCloud Private Relay, and the
// discovery of encrypted resolvers. It allocates nothing.
func Canary(name dnswire.Name) (Zone, bool) {
	switch name {
	// Mozilla and Apple look up these very names; names below are nobody's
	// signal. Apple takes an address, 0.0.0.0 too, for a relay that fails.
	case "\x13use-application-dns\x03net\x00":
		return Zone{name, "Firefox canary domain", Denied, canaryTTL}, true
	case "\x04mask\x06icloud\x03com\x00", "\x07mask-h2\x06icloud\x03com\x00":
		return Zone{name, "iCloud Private Relay", Denied, canaryTTL}, true
	}
	if name.In(resolverARPA.Name) {
		return resolverARPA, true
	}
	return Zone{}, false
}
