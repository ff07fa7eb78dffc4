package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"

	"tundns/dnswire"
)

// Error codes of RFC 9250 section 4.3.
const (
	doqProtocolError    = 2
	doqRequestCancelled = 3
)

// doq is DNS over dedicated QUIC connections (RFC 9250): a stream for each
// query, with ID 0 on the wire.
type doq struct {
	label  string
	dialer *quicDialer
	pool   *pool
}

func newDoQ(t *target) *doq {
	life := newLifetime()
	d := &doq{label: t.label, dialer: &quicDialer{finder: finder{place: t.place}, wg: &life.wg, tls: t.tlsConfig("doq"), incoming: -1}}
	d.pool = &pool{lifetime: life, dial: func(ctx context.Context) (session, error) {
		conn, err := d.dialer.dial(ctx)
		if err != nil {
			return nil, err
		}
		return &doqSession{newQUICSession(conn)}, nil
	}}
	return d
}

func (d *doq) Exchange(ctx context.Context, query []byte) ([]byte, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil || len(query) > dnswire.MaxMessage {
		return nil, ErrQuery
	}
	reply, err := d.pool.exchange(ctx, query)
	if err != nil {
		return nil, err
	}
	return finish(reply, query)
}

func (d *doq) Reset()         { d.pool.reset() }
func (d *doq) String() string { return d.label }

func (d *doq) Close() error {
	d.pool.shut()
	d.dialer.close()
	return nil
}

// doqSession is one connection.
type doqSession struct{ *quicSession }

func (s *doqSession) exchange(ctx context.Context, query []byte) ([]byte, error) {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	stream, err := s.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	cancel := func() {
		stream.CancelRead(doqRequestCancelled)
		stream.CancelWrite(doqRequestCancelled)
	}
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	msg := make([]byte, 2+len(query))
	binary.BigEndian.PutUint16(msg, uint16(len(query)))
	copy(msg[2:], query)
	dnswire.SetID(msg[2:], 0) // RFC 9250 section 4.2.1
	if _, err := stream.Write(msg); err != nil {
		return nil, s.failed(ctx, err)
	}
	stream.Close() // the FIN says that this is all
	reply, err := s.read(stream)
	if err != nil {
		cancel()
		return nil, s.failed(ctx, err)
	}
	return reply, nil
}

// errDoQ is what RFC 9250 section 4.3.3 calls a protocol error.
var errDoQ = fmt.Errorf("%w: not by RFC 9250", ErrMalformed)

func (s *doqSession) read(stream io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(stream, length[:]); err != nil {
		return nil, cutShort(err)
	}
	s.beat()
	reply := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(stream, reply); err != nil {
		return nil, cutShort(err)
	}
	s.beat()
	if len(reply) < dnswire.HeaderLen || dnswire.ID(reply) != 0 {
		return nil, errDoQ
	}
	return reply, nil
}

// cutShort makes the end of a stream inside of a message an errDoQ.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDoQ
	}
	return err
}

func (s *doqSession) failed(ctx context.Context, err error) error {
	var reset *quic.StreamError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errDoQ):
		s.unusable.Store(true)
		s.conn.CloseWithError(doqProtocolError, "")
		return err
	case errors.As(err, &reset) && reset.Remote: // of this query alone (section 4.3.1)
		return &streamError{err}
	}
	return &connError{err}
}
