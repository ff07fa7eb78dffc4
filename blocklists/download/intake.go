package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"time"
)

var errTooLarge = errors.New("too large")

// intake reads the body of a response, unpacked, and writes what is read to a
// draft. Its error stays, so that it can be told from what a reader above makes
// of it.
type intake struct {
	ctx      context.Context
	body     io.Reader
	text     draft
	patience *time.Timer // runs while the body is waited for
	sum      hash.Hash
	n, max   int64 // bytes read, and how many may be
	err      error
}

func newIntake(ctx context.Context, body io.Reader, text draft, patience *time.Timer, max int64) *intake {
	return &intake{ctx: ctx, body: body, text: text, patience: patience, sum: sha256.New(), max: max}
}

// Read is for io.Reader: the body as it comes, which is kept on the way.
func (in *intake) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	in.patience.Reset(stall)
	n, err := in.body.Read(p)
	in.patience.Stop()
	in.n += int64(n)
	in.sum.Write(p[:n])
	_, werr := in.text.Write(p[:n])
	switch {
	case in.n > in.max:
		in.err = errTooLarge
	case werr != nil:
		in.err = because(Disk, werr)
	case err == io.EOF && in.ctx.Err() == nil: // else the server has ended the text because the client hung up
		in.err = io.EOF
	case err != nil:
		in.err = lost(in.ctx, err)
	}
	return n, in.err
}

// failed returns the error of the body or the draft, nil if there was none so far.
func (in *intake) failed() error {
	if in.err == io.EOF {
		return nil
	}
	return in.err
}

// digest returns the SHA-256 of what was read, in lower-case hexadecimal.
func (in *intake) digest() string { return hex.EncodeToString(in.sum.Sum(nil)) }
