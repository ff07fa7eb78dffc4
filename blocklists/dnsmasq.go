package blocklists

import (
	"bytes"
	"net/netip"
)

// isDnsmasq reports whether the line is one of the options of dnsmasq that speak
// of names.
func isDnsmasq(text []byte) bool {
	key, _, _ := bytes.Cut(text, []byte("="))
	switch string(bytes.TrimRight(key, " \t")) {
	case "address", "server", "local", "cname", "host-record", "ipset", "nftset", "rebind-domain-ok", "alias", "bogus-nxdomain",
		"addn-hosts", "conf-file", "domain", "txt-record", "ptr-record", "srv-host", "mx-host", "naptr-record", "dns-rr", "caa-record",
		"filter-rr", "rev-server", "synth-domain", "auth-zone", "interface-name":
		return true
	}
	return false
}

// dnsmasq reads an option of dnsmasq(8): address, server and local with names
// between slashes. A name stands for itself and all under it, *.name for what is
// under it, *text for all names that end in text.
func (r *reader) dnsmasq(text []byte) {
	key, value, _ := bytes.Cut(text, []byte("="))
	key, value = bytes.TrimRight(key, " \t"), bytes.TrimLeft(value, " \t")
	for i, c := range value {
		if c != ' ' && c != '\t' {
			continue
		}
		if rest := bytes.TrimLeft(value[i:], " \t"); rest[0] != '#' {
			r.out.skip(whyWords)
			return
		}
		value = value[:i]
		break
	}
	end := bytes.LastIndexByte(value, '/')
	isAddress := string(key) == "address"
	switch {
	case !isAddress && string(key) != "server" && string(key) != "local":
		r.out.skip(whyOption)
		return
	case end < 1 || value[0] != '/':
		if isAddress {
			r.out.skip(whyValue)
		} else {
			r.out.skip(whyServer)
		}
		return
	}
	names, target := value[1:end], value[end+1:]
	var addr netip.Addr
	switch {
	case len(target) == 0:
	case string(target) == "#":
		if !isAddress {
			r.p.f |= flagAllow // the servers for all names, in spite of other lines
		}
	case !isAddress:
		r.out.skip(whyServer)
		return
	case leadsNowhere(target):
	default:
		var err error
		if addr, err = netip.ParseAddr(string(target)); err != nil || addr.Zone() != "" {
			r.out.skip(whyValue)
			return
		}
	}
	for more := true; more; {
		var name []byte
		name, names, more = bytes.Cut(names, []byte("/"))
		r.p.name, r.p.scope, r.p.pattern, r.p.reply = nil, Exact, nil, nil
		r.option(name, addr)
	}
}

// option passes on the rule for one name of a dnsmasq option, which blocks or
// allows it unless there is an address to answer with.
func (r *reader) option(name []byte, addr netip.Addr) {
	if len(name) == 0 { // names without a dot
		r.out.skip(whyOption)
		return
	}
	if string(name) == "#" {
		name = []byte("*")
	}
	if name[0] == '*' {
		r.ending(name, addr)
		return
	}
	if !r.owner(bytes.TrimPrefix(name, []byte(".")), Subtree) {
		return
	}
	if addr.IsValid() {
		r.join(addressReply(addr))
	} else {
		r.emit()
	}
}

// ending passes on the rule for the names that match a pattern with a star in
// front.
func (r *reader) ending(pattern []byte, addr netip.Addr) {
	if addr.IsValid() {
		reply := addressReply(addr)
		r.p.reply = r.in.reply(&reply)
	}
	if len(bytes.Trim(pattern, "*.")) == 0 {
		r.everything(pattern)
		return
	}
	r.text = append(append(r.text[:0], pattern...), '^')
	r.wildcard(r.text)
}
