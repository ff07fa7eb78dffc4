package dnswire

import "encoding/binary"

// EDNS option codes (IANA "DNS EDNS0 Option Codes").
const (
	OptionECS       uint16 = 8  // RFC 7871
	OptionCookie    uint16 = 10 // RFC 7873
	OptionKeepalive uint16 = 11 // RFC 7828
	OptionPadding   uint16 = 12 // RFC 7830
	OptionEDE       uint16 = 15 // RFC 8914
)

// FlagDO is the DNSSEC OK bit in the low half of an OPT record's TTL field
// (RFC 3225).
const FlagDO uint32 = 1 << 15

// OPT is the content of an OPT record (RFC 6891 section 6.1).
type OPT struct {
	UDPSize uint16 // the largest UDP payload the sender takes, in bytes
	Rcode   uint8  // the upper eight bits of the extended rcode
	Version uint8
	DO      bool
	Options []byte // the record's data, part of the message it was read from
}

// ReadOPT reads the OPT record at rr. The options stay part of msg.
func ReadOPT(msg []byte, rr *RR) OPT {
	return OPT{
		UDPSize: rr.Class,
		Rcode:   uint8(rr.TTL >> 24),
		Version: uint8(rr.TTL >> 16),
		DO:      rr.TTL&FlagDO != 0,
		Options: msg[rr.Data:rr.End],
	}
}

// NextOption splits the first option off options. ok is false when none is left
// or the rest is malformed; malformed is true only in the second case.
func NextOption(options []byte) (code uint16, data, rest []byte, ok, malformed bool) {
	if len(options) == 0 {
		return 0, nil, nil, false, false
	}
	if len(options) < 4 {
		return 0, nil, nil, false, true
	}
	n := 4 + int(binary.BigEndian.Uint16(options[2:]))
	if n > len(options) {
		return 0, nil, nil, false, true
	}
	return binary.BigEndian.Uint16(options), options[4:n], options[n:], true, false
}

// AppendOPT appends an OPT record to msg and returns the longer slice. It does
// not touch the header's count.
func AppendOPT(msg []byte, o OPT) []byte {
	ttl := uint32(o.Rcode)<<24 | uint32(o.Version)<<16
	if o.DO {
		ttl |= FlagDO
	}
	msg = append(msg, 0)
	msg = binary.BigEndian.AppendUint16(msg, TypeOPT)
	msg = binary.BigEndian.AppendUint16(msg, o.UDPSize)
	msg = binary.BigEndian.AppendUint32(msg, ttl)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(o.Options)))
	return append(msg, o.Options...)
}

// AppendOption appends one EDNS option to options.
func AppendOption(options []byte, code uint16, data []byte) []byte {
	options = binary.BigEndian.AppendUint16(options, code)
	options = binary.BigEndian.AppendUint16(options, uint16(len(data)))
	return append(options, data...)
}

// EDE is an Extended DNS Error (RFC 8914). Text is UTF-8 for people.
type EDE struct {
	Code uint16
	Text string
}

// Extended DNS Error codes (RFC 8914 section 4) that the resolver gives.
const (
	EDEStaleAnswer        uint16 = 3
	EDECachedError        uint16 = 13
	EDENotReady           uint16 = 14
	EDEBlocked            uint16 = 15
	EDEFiltered           uint16 = 17
	EDEProhibited         uint16 = 18
	EDEStaleNXDOMAIN      uint16 = 19
	EDENotSupported       uint16 = 21
	EDENoReachable        uint16 = 22
	EDENetworkError       uint16 = 23
	EDEInvalidData        uint16 = 24
	EDEDNSSECBogus        uint16 = 6
	EDESignatureExpired   uint16 = 7
	EDESignatureNotYet    uint16 = 8
	EDEDNSKEYMissing      uint16 = 9
	EDERRSIGsMissing      uint16 = 10
	EDENoZoneKeyBit       uint16 = 11
	EDENSECMissing        uint16 = 12
	EDEUnsupportedDNSKEY  uint16 = 1
	EDEUnsupportedDS      uint16 = 2
	EDEDNSSECIndetermined uint16 = 5
)

// DNSSEC reports whether the code says that the answer failed validation, so
// that asking another server would only weaken the client's protection.
func (e EDE) DNSSEC() bool {
	switch e.Code {
	case EDEUnsupportedDNSKEY, EDEUnsupportedDS, EDEDNSSECIndetermined, EDEDNSSECBogus, EDESignatureExpired,
		EDESignatureNotYet, EDEDNSKEYMissing, EDERRSIGsMissing, EDENoZoneKeyBit, EDENSECMissing:
		return true
	}
	return false
}

// MaxEDEText bounds the text of one EDE in bytes: the OPT record eats room that
// the answer needs.
const MaxEDEText = 200

// AppendEDE appends e as an EDNS option. Text longer than MaxEDEText is cut at
// a rune boundary.
func AppendEDE(options []byte, e EDE) []byte {
	text := e.Text
	if len(text) > MaxEDEText {
		n := MaxEDEText
		for n > 0 && text[n]&0xC0 == 0x80 {
			n--
		}
		text = text[:n]
	}
	options = binary.BigEndian.AppendUint16(options, OptionEDE)
	options = binary.BigEndian.AppendUint16(options, uint16(2+len(text)))
	options = binary.BigEndian.AppendUint16(options, e.Code)
	return append(options, text...)
}

// ReadEDEs returns the EDE options among options. Malformed ones are left out.
func ReadEDEs(options []byte) []EDE {
	var out []EDE
	for {
		code, data, rest, ok, _ := NextOption(options)
		if !ok {
			return out
		}
		if code == OptionEDE && len(data) >= 2 {
			out = append(out, EDE{binary.BigEndian.Uint16(data), string(data[2:])})
		}
		options = rest
	}
}

// FindOPT returns the message's OPT record. more is true when there are several,
// which RFC 6891 section 6.1.1 calls a format error.
func FindOPT(msg []byte) (rr RR, found, more bool) {
	for it := NewRecords(msg); it.Next(); {
		if it.RR.Type == TypeOPT && it.RR.Section == Additional {
			if found {
				return rr, true, true
			}
			rr, found = it.RR, true
		}
	}
	return rr, found, false
}
