package upstream

import (
	"context"
	"encoding/binary"

	"tundns/dnswire"
)

// paddedBlock is what the length of a padded query is a multiple of, in bytes
// (RFC 8467 section 4.1).
const paddedBlock = 128

// padded is a Transport whose queries all look alike in length. It is for
// encrypted ones: where everyone can read the query there is nothing to hide,
// and RFC 7830 section 6 forbids it.
type padded struct{ Transport }

func (p padded) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	return p.Transport.Exchange(ctx, pad(query))
}

// pad returns query with a Padding option (RFC 7830) and a payload size that
// limits nothing, or query itself when it has no OPT record as its last one. The
// payload size means nothing over a stream (RFC 6891 section 6.2.5), yet CoreDNS
// takes QUIC for UDP and would cut its replies to it.
func pad(query []byte) []byte {
	bare := withOption(query, dnswire.OptionPadding, nil)
	if bare == nil {
		return query
	}
	fill := -len(bare) & (paddedBlock - 1) // until the block is full
	if len(bare)+fill > dnswire.MaxMessage {
		return query
	}
	msg := withOption(query, dnswire.OptionPadding, make([]byte, fill))
	rr, _, _ := dnswire.FindOPT(msg)
	binary.BigEndian.PutUint16(msg[rr.Data-8:], dnswire.MaxMessage) // the class field
	return msg
}

// withOption returns a copy of query with an EDNS option in place of those of
// that code, or nil when its last record is not its only OPT record, or that
// has no room or malformed options.
func withOption(query []byte, code uint16, data []byte) []byte {
	rr, found, more := dnswire.FindOPT(query)
	if !found || more || rr.End != len(query) {
		return nil
	}
	msg := make([]byte, 0, len(query)+4+len(data))
	msg = append(msg, query[:rr.Data]...)
	for options := query[rr.Data:rr.End]; ; {
		c, d, rest, ok, malformed := dnswire.NextOption(options)
		if malformed {
			return nil
		}
		if !ok {
			break
		}
		if c != code {
			msg = dnswire.AppendOption(msg, c, d)
		}
		options = rest
	}
	msg = dnswire.AppendOption(msg, code, data)
	if length := len(msg) - rr.Data; length <= 0xFFFF {
		msg[rr.Data-2], msg[rr.Data-1] = byte(length>>8), byte(length)
		return msg
	}
	return nil
}
