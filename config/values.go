package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	// minMTU is what an IPv4 host must be able to receive (RFC 1122 section 3.3.2).
	minMTU = 576
	// minMTU6 is the least MTU of a link that carries IPv6 (RFC 8200 section 5).
	minMTU6 = 1280
	maxMTU  = 65535

	// minCache is room for some thousand messages; less is rather a missing unit.
	minCache = 1 << 20
	// maxCache is 1 TiB; more is rather a wrong unit.
	maxCache = 1 << 40

	// maxStale is ten times the upper end of what RFC 8767 section 5 suggests.
	maxStale = 30 * 24 * time.Hour
)

// mtu returns an integer in the range of MTUs.
func (d *decoder) mtu(n *node) (int, bool) {
	if n.kind != unstable.Integer {
		d.fail(n.at, "%s must be a whole number of bytes, not %s", n.name, kindName(n.kind))
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 0, 64)
	if err != nil || v < minMTU || v > maxMTU {
		d.fail(n.at, "%s %s is out of range; it is %d to %d", n.name, n.text, minMTU, maxMTU)
		return 0, false
	}
	return int(v), true
}

// size stores a number of bytes into to.
func (d *decoder) size(n *node, to *int64) {
	if n.kind != unstable.String && n.kind != unstable.Integer {
		d.fail(n.at, `%s must be a size like "64MiB", not %s`, n.name, kindName(n.kind))
		return
	}
	v, ok := parseSize(n.text)
	switch {
	case !ok:
		d.fail(n.at, `%s %s is not a size; write a whole number of bytes, or one with KiB, MiB, GiB, KB, MB or GB, like "64MiB"`, n.name, quote(n.text))
	case v < minCache:
		d.fail(n.at, "%s %s is too small; it is at least 1MiB", n.name, quote(n.text))
	case v > maxCache:
		d.fail(n.at, "%s %s is too large; it is at most 1024GiB", n.name, quote(n.text))
	default:
		*to = v
	}
}

// parseSize parses a whole number with a unit: KiB, MiB and GiB are powers of 1024, KB, MB
// and GB of 1000, none is bytes. What does not fit into an int64 is not a size.
func parseSize(text string) (int64, bool) {
	unit := int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	} {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimRight(number, " "), u.bytes
			break
		}
	}
	v, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v < 0 || v > (1<<63-1)/unit {
		return 0, false
	}
	return v * unit, true
}

// duration stores a duration from least to most into to; both of them are whole minutes.
func (d *decoder) duration(n *node, to *time.Duration, least, most time.Duration) {
	text, ok := d.str(n, "a duration")
	if !ok {
		return
	}
	v, err := time.ParseDuration(text)
	switch {
	case err != nil:
		d.fail(n.at, `%s %s is not a duration; write one with h, m or s, like "24h" or "90s"`, n.name, quote(text))
	case v < least || v > most:
		d.fail(n.at, "%s %s is out of range; it is %q to %q", n.name, quote(text), minutesText(least), minutesText(most))
	default:
		*to = v
	}
}

// minutesText returns whole minutes as somebody would write them.
func minutesText(v time.Duration) string {
	switch {
	case v == 0:
		return "0s"
	case v%time.Hour == 0:
		return strconv.FormatInt(int64(v/time.Hour), 10) + "h"
	}
	return strconv.FormatInt(int64(v/time.Minute), 10) + "m"
}

// unusable says why nothing on the network can have this address, "" if something can.
func unusable(a netip.Addr) string {
	four := [4]byte{}
	if a.Is4() {
		four = a.As4()
	}
	switch {
	case a.Is4In6():
		return "is an IPv4 address in IPv6 clothes; write " + a.Unmap().String()
	case a.IsUnspecified():
		return "is the unspecified address"
	case a.IsMulticast():
		return "is a multicast address"
	case a.Is4() && four[0] == 0:
		return "is in 0.0.0.0/8, which is no one's"
	case a.Is4() && four[0] >= 240:
		return "is in 240.0.0.0/4, which is no one's"
	}
	return ""
}

// unfit says why an interface cannot have this address, "" if it can.
func unfit(a netip.Addr) string {
	if a.IsLoopback() {
		return "is a loopback address, which never leaves the host's own stack"
	}
	return unusable(a)
}

// parsePrefix parses an address with or without a prefix length; no zone.
func parsePrefix(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), a.Zone() == ""
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil
}
