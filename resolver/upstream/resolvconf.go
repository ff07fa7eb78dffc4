package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

const (
	// maxHostServers is how many servers are taken: other programs use no more
	// (MAXNS of resolv.conf(5)).
	maxHostServers = 3

	// maxResolvConf bounds what is read of the file in bytes.
	maxResolvConf = 64 << 10
)

// hostServers are the servers that the host itself is set up with. They are read
// anew when the file has changed.
type hostServers struct {
	path string
	own  []netip.Addr

	mu    sync.Mutex
	read  os.FileInfo // of the file as it was read, nil before
	addrs []netip.AddrPort
}

var errNoHostServer = errors.New("resolv.conf names no server but this one itself")

// find is for place.find.
func (h *hostServers) find(context.Context) ([]netip.AddrPort, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := os.Open(h.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if h.read == nil || !os.SameFile(info, h.read) || info.ModTime() != h.read.ModTime() || info.Size() != h.read.Size() {
		addrs, err := parseResolvConf(f, h.own)
		if err != nil {
			return nil, err
		}
		h.read, h.addrs = info, addrs
	}
	if len(h.addrs) == 0 {
		return nil, errNoHostServer
	}
	return h.addrs, nil
}

// parseResolvConf returns the servers that a resolv.conf(5) names, but for own
// ones.
func parseResolvConf(r io.Reader, own []netip.Addr) ([]netip.AddrPort, error) {
	var addrs []netip.AddrPort
	lines := bufio.NewScanner(io.LimitReader(r, maxResolvConf))
	for lines.Scan() && len(addrs) < maxHostServers {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		a, err := netip.ParseAddr(fields[1])
		if err != nil {
			continue
		}
		a = a.Unmap()
		addr := netip.AddrPortFrom(a, 53)
		if isServerAddr(a) && !slices.Contains(own, a) && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, lines.Err()
}

// isServerAddr reports whether a server can have the address.
func isServerAddr(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
