package resolver

import "tundns/dnswire"

// A client's EDNS Client Subnet option (RFC 7871) says where the client is. It
// is taken out of queries unless State.PassSubnet is set. A query that keeps it
// goes around the cache and stands alone: its answer is for that network, and
// its failure too.

// subnetHead is the length of the option's family and prefix lengths.
const subnetHead = 4

// maxSubnet is the length of the longest valid option: with an IPv6 address.
const maxSubnet = subnetHead + 16

// validSubnet reports whether data is the option as a client may send it: a
// family that we know, no scope, and an address of as many bytes as the prefix
// needs with no bit beyond it (RFC 7871 section 6).
func validSubnet(data string) bool {
	if len(data) < subnetHead || data[0] != 0 || data[3] != 0 {
		return false
	}
	bits := int(data[2])
	switch family := data[1]; {
	case family == 1 && bits <= 32, family == 2 && bits <= 128:
	default:
		return false
	}
	addr := data[subnetHead:]
	if len(addr) != (bits+7)/8 {
		return false
	}
	return bits%8 == 0 || addr[len(addr)-1]<<(bits%8) == 0
}

// sameSubnet reports whether the option of a reply belongs to the one asked
// with: all but the scope is the same (RFC 7871 section 7.3).
func sameSubnet(asked, got string) bool {
	return len(got) == len(asked) && got[:3] == asked[:3] && got[subnetHead:] == asked[subnetHead:]
}

// readSubnet returns the data of the first EDNS Client Subnet option of msg, ""
// if there is none.
func readSubnet(msg []byte) string {
	rr, found, _ := dnswire.FindOPT(msg)
	if !found {
		return ""
	}
	for options := dnswire.ReadOPT(msg, &rr).Options; ; {
		code, data, rest, ok, _ := dnswire.NextOption(options)
		switch {
		case !ok:
			return ""
		case code == dnswire.OptionECS:
			return string(data)
		}
		options = rest
	}
}
