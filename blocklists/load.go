package blocklists

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Load reads the sources one after the other and compiles them into a Set. The
// reports are in the order of the sources. A source that cannot be read or is no
// list is an error that names it; the other sources are still read, so that the
// error names all that are bad, and the Set is nil. Lines that give no rule are
// no error: they are in the reports.
//
// While it works Load takes at most twice the memory of the finished set beside
// a buffer of 64 KiB. It gives up as soon as ctx is done.
func Load(ctx context.Context, sources []Source) (*Set, []Report, error) {
	if err := check(sources); err != nil {
		return nil, nil, err
	}
	var b builder
	return b.load(ctx, sources, nil)
}

// Count reads a source without compiling it: the report counts every rule, also
// one that repeats another. Errors are those of Load; ErrHTML is among them.
func Count(ctx context.Context, source Source) (Report, error) {
	if err := source.check(); err != nil {
		return Report{}, err
	}
	l := loading{b: counter{}, in: new(interned)}
	err := l.load(ctx, &source)
	return l.report, err
}

// counter takes rules and keeps none.
type counter struct{}

func (counter) add(uint16, *parsed) (known bool, why reason) { return false, "" }

// check reports what makes sources unusable before they are opened.
func check(sources []Source) error {
	if len(sources) > math.MaxUint16 {
		return fmt.Errorf("%d lists: at most %d can be loaded", len(sources), math.MaxUint16)
	}
	seen := make(map[string]bool, len(sources))
	for i := range sources {
		s := &sources[i]
		if err := s.check(); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("two lists are called %q: list names must differ", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// load is Load for checked sources with an empty builder. What is read goes to
// fp, too, unless that is nil.
func (b *builder) load(ctx context.Context, sources []Source, fp *fingerprint) (*Set, []Report, error) {
	var (
		names   = make([]string, len(sources))
		reports = make([]Report, len(sources))
		in      interned
		errs    []error
	)
	for i := range sources {
		names[i] = sources[i].Name
		l := loading{b: b, in: &in, index: uint16(i), fp: fp, pause: b.names.Pause}
		err := l.load(ctx, &sources[i])
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("list %q: %w", names[i], err))
		}
		reports[i] = l.report
	}
	if len(errs) > 0 {
		return nil, reports, errors.Join(errs...)
	}
	set, repeated, err := b.compile(names)
	if err != nil {
		return nil, reports, err
	}
	for i, n := range repeated {
		reports[i].Rules -= n
		reports[i].Duplicates += n
	}
	return set, reports, nil
}

// loading is the sink that puts the rules of one list into a builder.
type loading struct {
	b interface {
		// add adds a rule of a list. known is true when the list is known to have it
		// already; why says why it cannot be taken.
		add(list uint16, r *parsed) (known bool, why reason)
	}
	in      *interned
	index   uint16
	fp      *fingerprint                            // may be nil
	pause   func()                                  // may be nil
	skipped func(line int, text []byte, why reason) // told of what gives no rule; may be nil
	report  Report
	line    int    // of the rules to come
	text    []byte // that line
}

func (l *loading) load(ctx context.Context, s *Source) error {
	l.report = Report{List: s.Name, Path: s.Path, Format: s.Format}
	start := time.Now()
	file, err := s.open()
	if err != nil {
		return err
	}
	counted := &input{ctx: ctx, src: file, fp: l.fp, pause: l.pause}
	err = l.read(s, counted)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if l.fp != nil {
		l.fp.end(counted.n)
	}
	l.report.Bytes = counted.n
	l.report.Took = time.Since(start)
	return err
}

func (l *loading) rule(r *parsed) {
	switch known, why := l.b.add(l.index, r); {
	case why != "":
		l.skip(why)
	case known:
		l.report.Duplicates++
	default:
		l.report.Rules++
	}
}

func (l *loading) skip(why reason) {
	text := trim(l.text)
	l.report.skip(l.line, text, why)
	if l.skipped != nil {
		l.skipped(l.line, text, why)
	}
}

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
	r := newReader(s, l.report.Format, l.in, l)
	for _, h := range held {
		l.one(r, h)
	}
	for {
		text, long, err := in.next()
		if err == io.EOF {
			r.end()
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
	l.line, l.text = h.n, h.text
	if !h.long {
		r.line(h.n, h.text)
	} else if text := trim(h.text); lookOf(text, marksIn(text), r.format) != comment {
		l.skip(whyLine)
	}
}

// pauseEvery so many bytes, which take some 100 microseconds to work off, a load in
// the background may pause.
const pauseEvery = 4 << 10

// input counts what is read from a source and ends with its context.
type input struct {
	ctx   context.Context
	src   io.Reader
	fp    *fingerprint // gets what is read; may be nil
	pause func()       // may be nil
	n     int64
}

// Read is for io.Reader. It fails once the context is done.
func (i *input) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	if i.pause != nil {
		i.pause()
		p = p[:min(len(p), pauseEvery)]
	}
	n, err := i.src.Read(p)
	i.n += int64(n)
	if i.fp != nil {
		i.fp.Write(p[:n])
	}
	return n, err
}
