package resolver

import (
	"encoding/binary"
	"slices"

	"tundns/dnswire"
	"tundns/policy"
)

// The keys of the parameters of SVCB and HTTPS records that have to do with
// addresses (RFC 9460 section 14.3.2).
const (
	svcMandatory uint16 = 0
	svcIPv4Hint  uint16 = 4
	svcIPv6Hint  uint16 = 6
)

// withoutHints returns a without the address hints in its SVCB and HTTPS records
// of a family of which the client's group gets no records: they would lead the
// client where A or AAAA records shall not.
func withoutHints(asked *policy.Question, a *Answer) (*Answer, error) {
	if asked.Type != dnswire.TypeSVCB && asked.Type != dnswire.TypeHTTPS {
		return a, nil
	}
	var unwanted []uint16
	if asked.Client.Group.BlocksType(asked, dnswire.TypeA) {
		unwanted = append(unwanted, svcIPv4Hint)
	}
	if asked.Client.Group.BlocksType(asked, dnswire.TypeAAAA) {
		unwanted = append(unwanted, svcIPv6Hint)
	}
	if unwanted == nil {
		return a, nil
	}
	msg, changed, err := stripHints(a.Message, asked.Type, unwanted)
	if err != nil {
		return nil, err
	}
	if !changed {
		return a, nil
	}
	stripped := *a
	stripped.Message = msg
	return &stripped, nil
}

// stripHints returns a copy of msg without the unwanted parameters in its answer
// records of type typ. Of records for which they are mandatory, or that cannot be
// read, nothing is left. The signatures of these records are gone as well then,
// and AD is cleared. Where there is nothing to take out changed is false.
func stripHints(msg []byte, typ uint16, unwanted []uint16) (out []byte, changed bool, err error) {
	q, _, err := dnswire.ReadQuestion(msg)
	if err != nil {
		return nil, false, err
	}
	for it := dnswire.NewRecords(msg); it.Next(); {
		if rr := &it.RR; rr.Section == dnswire.Answer && rr.Type == typ {
			data, ok := stripParams(msg, rr, unwanted)
			changed = changed || !ok || len(data) < rr.End-rr.Data
		}
	}
	if !changed {
		return nil, false, nil
	}
	out = dnswire.AppendQuestion(nil, 0, dnswire.Flags(msg)&^dnswire.FlagAD, q)
	var counts [3]int
	it := dnswire.NewRecords(msg)
	for it.Next() {
		rr := &it.RR
		owner, _, err := dnswire.ReadName(msg, rr.Owner)
		if err != nil {
			return nil, false, err
		}
		data := msg[rr.Data:rr.End]
		if rr.Section == dnswire.Answer {
			switch {
			case rr.Type == dnswire.TypeRRSIG && len(data) >= 2 && binary.BigEndian.Uint16(data) == typ:
				continue
			case rr.Type == typ:
				var ok bool
				if data, ok = stripParams(msg, rr, unwanted); !ok {
					continue
				}
			}
		}
		// Names inside other data are never compressed in messages of the pipeline.
		out = dnswire.AppendRR(out, owner, rr.Type, rr.Class, rr.TTL, data)
		counts[rr.Section]++
	}
	for section, n := range counts {
		dnswire.SetCount(out, dnswire.Section(section), n)
	}
	return out, true, it.Err()
}

// stripParams returns the data of an SVCB or HTTPS record without the unwanted
// parameters. ok is false when the record is no use without them or cannot be
// read.
func stripParams(msg []byte, rr *dnswire.RR, unwanted []uint16) (data []byte, ok bool) {
	if rr.End-rr.Data < 2 {
		return nil, false
	}
	end, err := dnswire.SkipName(msg[:rr.End], rr.Data+2) // behind the priority
	if err != nil {
		return nil, false
	}
	data = slices.Clone(msg[rr.Data:end])
	for params := msg[end:rr.End]; len(params) > 0; {
		if len(params) < 4 {
			return nil, false
		}
		key, n := binary.BigEndian.Uint16(params), 4+int(binary.BigEndian.Uint16(params[2:]))
		if n > len(params) {
			return nil, false
		}
		if key == svcMandatory && namesKey(params[4:n], unwanted) {
			return nil, false
		}
		if !slices.Contains(unwanted, key) {
			data = append(data, params[:n]...)
		}
		params = params[n:]
	}
	return data, true
}

// namesKey reports whether the value of a mandatory parameter has one of keys.
func namesKey(value []byte, keys []uint16) bool {
	for ; len(value) >= 2; value = value[2:] {
		if slices.Contains(keys, binary.BigEndian.Uint16(value)) {
			return true
		}
	}
	return false
}
