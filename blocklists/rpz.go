package blocklists

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"tundns/dnswire"
)

// The targets with which a policy zone names its actions, from the Internet-Draft
// draft-vixie-dnsop-dns-rpz-00, section 3.
const (
	targetPass    dnswire.Name = "\x0crpz-passthru\x00"
	targetDrop    dnswire.Name = "\x08rpz-drop\x00"
	targetTCPOnly dnswire.Name = "\x0crpz-tcp-only\x00"
)

// policy reads a record of a policy zone. trigger is its owner without the name
// of the zone.
func (r *reader) policy(trigger []byte, t uint16, data []byte) {
	if t != dns.TypeCNAME {
		wire, ok := parseData(t, data, r.zone.origin+".")
		if !ok {
			r.out.skip(whyRecord)
		} else if r.trigger(trigger) {
			r.join(Reply{Records: []Record{{Type: t, Data: wire}}})
		}
		return
	}
	if why := r.action(trigger, data); why != "" {
		r.out.skip(why)
		return
	}
	if string(trigger) == "*" {
		r.everything(trigger)
	} else if r.trigger(trigger) {
		r.emit()
	}
}

// action reads the target of a CNAME as what the present rule does.
func (r *reader) action(trigger, data []byte) reason {
	switch string(data) { // most of the records there are
	case ".":
		r.p.reply = r.in.denial(dns.RcodeNameError)
		return ""
	case "*.":
		r.p.reply = r.in.denial(dns.RcodeSuccess)
		return ""
	}
	target, ok := targetName(data, r.zone.originName())
	switch {
	case !ok:
		return whyRecord
	case target == targetPass, isSelf(trigger, target):
		r.p.f |= flagAllow
	case target == targetDrop:
		r.p.reply = r.in.reply(&Reply{Drop: true})
	case target == targetTCPOnly:
		return whyTCPOnly
	case strings.HasPrefix(string(target), "\x01*"):
		return whyGarden
	case !isHost(target):
		return whyRecord
	default:
		r.p.reply = r.in.reply(&Reply{CNAME: target})
	}
	return ""
}

// isSelf reports whether a trigger is its own target, the old form of
// rpz-passthru.
func isSelf(trigger []byte, target dnswire.Name) bool {
	own, err := dnswire.ParseName(string(trigger))
	return err == nil && own == target
}

// trigger makes the present rule one for a trigger: a name, *.name for what is
// under it, or addresses in answers. It reports false if that is skipped.
func (r *reader) trigger(text []byte) bool {
	dot := bytes.LastIndexByte(text, '.')
	if kind := text[dot+1:]; len(kind) > 4 && kind[3] == '-' && bytes.EqualFold(kind[:4], []byte("rpz-")) {
		if dot < 0 || !bytes.EqualFold(kind, []byte("rpz-ip")) {
			r.out.skip(whyTrigger)
			return false
		}
		var ok bool
		if r.p.prefix, ok = parseTrigger(text[:dot]); !ok {
			r.out.skip(whyTriggerAddress)
		}
		return ok
	}
	if name, ok := bytes.CutPrefix(text, []byte("*.")); ok {
		return r.owner(name, Under)
	}
	return r.owner(text, Exact)
}

// parseTrigger reads the addresses of an rpz-ip trigger: the length of the
// prefix, then the bytes of an IPv4 address or the 16 bit words of an IPv6 one,
// the last first. zz stands for the longest run of zeros.
func parseTrigger(text []byte) (p netip.Prefix, ok bool) {
	labels := bytes.Split(text, []byte("."))
	bits, ok := number(labels[0], 128)
	labels = labels[1:]
	if !ok || len(labels) == 0 || len(labels) > 8 {
		return p, false
	}
	var addr []byte
	sep := byte(':')
	if len(labels) == 4 && !bytes.Contains(text, []byte("zz")) {
		sep = '.'
	}
	for i := len(labels) - 1; i >= 0; i-- {
		label := labels[i]
		if string(label) == "zz" {
			if i == 0 || i == len(labels)-1 {
				addr = append(addr, ':')
			}
			label = nil
		}
		addr = append(addr, label...)
		if i > 0 {
			addr = append(addr, sep)
		}
	}
	a, err := netip.ParseAddr(string(addr))
	if err != nil || bits > a.BitLen() {
		return p, false
	}
	p, err = a.Prefix(bits)
	return p, err == nil
}
