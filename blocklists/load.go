package blocklists

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Load reads the sources one after the other and compiles them into a Set. The
// reports are in the order of the sources. A source that cannot be read or is no
// list is an error that names it; the other sources are still read, so that the
// error names all that are bad, and the Set is nil. Lines that give no rule are
// no error: they are in the reports.
//
// Load uses some 90 bytes a name beside the finished set and gives up as soon as
// ctx is done.
func Load(ctx context.Context, sources []Source) (*Set, []Report, error) {
	if len(sources) > math.MaxUint16 {
		return nil, nil, fmt.Errorf("%d lists: at most %d can be loaded", len(sources), math.MaxUint16)
	}
	var (
		names   = make([]string, 0, len(sources))
		reports = make([]Report, 0, len(sources))
		b       = newBuilder()
		errs    []error
	)
	for i := range sources {
		s := &sources[i]
		if err := s.check(); err != nil {
			return nil, nil, err
		}
		if slices.Contains(names, s.Name) {
			return nil, nil, fmt.Errorf("two lists are called %q: list names must differ", s.Name)
		}
		names = append(names, s.Name)
	}
	for i := range sources {
		report, err := load(ctx, &sources[i], b, uint16(i))
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("list %q: %w", sources[i].Name, err))
		}
		reports = append(reports, report)
	}
	if len(errs) > 0 {
		return nil, reports, errors.Join(errs...)
	}
	set, err := b.compile(names)
	return set, reports, err
}

// load adds the rules of one source to b.
func load(ctx context.Context, s *Source, b *builder, index uint16) (Report, error) {
	l := loading{
		b:      b,
		index:  index,
		report: Report{List: s.Name, Path: s.Path, Format: s.Format},
	}
	start := time.Now()
	file, err := s.open()
	if err != nil {
		return l.report, err
	}
	counted := &input{ctx: ctx, src: file}
	err = l.read(s, counted)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	l.report.Bytes = counted.n
	l.report.Took = time.Since(start)
	return l.report, err
}

// loading is the sink that puts the rules of one list into the builder.
type loading struct {
	b      *builder
	index  uint16
	report Report
	line   int    // of the rules to come
	text   []byte // that line
}

func (l *loading) rule(name []byte, f flags) {
	if l.b.add(name, l.index, uint32(l.line), f) {
		l.report.Rules++
	} else {
		l.report.Duplicates++
	}
}

func (l *loading) skip(why reason) { l.report.skip(l.line, l.text, why) }

func (l *loading) read(s *Source, src io.Reader) error {
	in, err := newLines(src)
	if err != nil {
		if s.Path != "" {
			err = fmt.Errorf("%s %w", s.Path, err)
		}
		return err
	}
	var held []heldLine
	if s.Format == Auto {
		if held, err = hold(in); err != nil {
			return err
		}
		l.report.Format = guess(held)
	}
	r := newReader(s, l.report.Format, l)
	for _, h := range held {
		l.one(r, h)
	}
	for {
		text, long, err := in.next()
		if err == io.EOF {
			l.report.Lines = in.n
			return nil
		}
		if err != nil {
			return err
		}
		if in.n > math.MaxInt32 {
			return fmt.Errorf("%s has more than %d lines", s.Path, math.MaxInt32)
		}
		l.one(r, heldLine{in.n, text, long})
	}
}

func (l *loading) one(r *reader, h heldLine) {
	l.line, l.text = h.n, trim(h.text)
	switch {
	case !h.long:
		r.line(l.text)
	case lookOf(l.text, r.format) != comment:
		l.skip(whyLine)
	}
}

// input counts what is read from a source and ends with its context.
type input struct {
	ctx context.Context
	src io.Reader
	n   int64
}

func (i *input) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := i.src.Read(p)
	i.n += int64(n)
	return n, err
}
