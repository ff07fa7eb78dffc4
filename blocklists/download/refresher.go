package download

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// DefaultInterval is how often publishers ask to be asked at most.
	DefaultInterval = 24 * time.Hour
	// MinInterval keeps a typing error from becoming an attack on a publisher.
	MinInterval = 10 * time.Minute
	// MaxInterval is for lists that hardly ever change.
	MaxInterval = 365 * 24 * time.Hour

	// DefaultMaxBytes bounds the unpacked text of a list: ten times the largest
	// list in use, and little enough for the disk of a router. What a server
	// sends beyond it is an error or an attack.
	DefaultMaxBytes = 256 << 20

	// maxFetches bounds the lists fetched at the same time, so that a start with
	// many lists leaves some of the line and of the processor to queries.
	maxFetches = 4
)

// List is a list that comes from a URL.
type List struct {
	Name     string        // identifies the list; unique
	URL      string        // https://
	Interval time.Duration // between fetches; 0 is DefaultInterval, else MinInterval to MaxInterval
}

// Options are what a Refresher is made with.
type Options struct {
	// Folder has the copies, and is made if need be. Whoever can write there
	// decides what is blocked.
	Folder string
	Lists  []List

	// DialContext connects to the servers; addr is host:port with the host of the
	// URL. It must not resolve names by a resolver that waits for the lists.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// RootCAs are the authorities trusted for the servers, nil: the system's.
	RootCAs *x509.CertPool
	// MaxBytes bounds the text of a list, unpacked; 0 is DefaultMaxBytes.
	MaxBytes int64

	// Inspect counts the rules of a text. Its error says why the text is no list
	// and wraps ErrHTML or ErrBinary. It need not read to the end. It is called
	// by several goroutines, also by New.
	Inspect func(list string, r io.Reader) (rules int, err error)

	// Changed is told when copies have been replaced, nil: nobody. Copies that
	// come within some seconds of each other are one call. Calls come one after
	// the other, after Start; Close waits for the one in progress, so Changed
	// must not call Close.
	Changed func()
	// Observer is told of the fetches, nil: none.
	Observer Observer
	// Log gets a line for what an operator would want to know, nil: none.
	Log *slog.Logger

	now func() time.Time // wall clock; nil: time.Now
}

// Observer is told what happens. Its methods are called by several goroutines at
// once and must not block.
type Observer interface {
	// ListFetched tells of the end of a fetch. err is nil when the copy is now the
	// server's list, else an *Error. A fetch that Close ends is not told of.
	ListFetched(list string, err error)
}

// Refresher keeps the copies of lists. Its methods may be called by several
// goroutines. Use New.
//
// When lists are configured anew, another Refresher takes over the folder: make
// it, load the lists from its paths, and once they are in force Close the old one
// and Start the new one. If they are not to be used, Close the new one instead;
// until Start it changes nothing in the folder.
type Refresher struct {
	store    store
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	roots    *x509.CertPool
	maxBytes int64
	changed  func()
	observer Observer
	log      *slog.Logger
	now      func() time.Time

	ctx   context.Context // ends with Close, by ErrClosed
	close context.CancelCauseFunc
	tasks sync.WaitGroup
	slots chan struct{} // one held by each fetch
	wake  chan struct{} // the schedule is to look for something to do

	mu         sync.Mutex
	entries    []*entry
	started    bool
	running    int       // fetches
	unreported time.Time // when the first change came that Changed has not been told of; zero: none
}

// entry is a list with what becomes of it.
type entry struct {
	list List

	// Under the Refresher's mu.
	state
	call *call // the fetch in progress
}

// state is what fetches have led to.
type state struct {
	copy     *metadata // of the list's URL, nil: there is none; never written to
	former   *metadata // serves until there is a copy, nil: there is none; never written to
	due      time.Time // of the next fetch, by the wall clock
	failures int       // since the last success
	err      *Error    // of the last fetch
}

// serving is what is known of the copy in use, nil if there is none.
func (s *state) serving() *metadata {
	if s.copy == nil {
		return s.former
	}
	return s.copy
}

// rules is the number of rules in the copy in use.
func (s *state) rules() int {
	if m := s.serving(); m != nil {
		return m.Rules
	}
	return 0
}

// call is a fetch in progress. err is set when done is closed.
type call struct {
	done chan struct{}
	err  error
}

// New makes the folder if there is none and reads what it has of the lists. It
// takes as long as reading the copies does. It starts nothing; see Start and
// Refresh.
func New(o Options) (*Refresher, error) {
	switch {
	case o.Folder == "":
		return nil, errors.New("download: no folder for the copies of lists")
	case o.DialContext == nil, o.Inspect == nil:
		return nil, errors.New("download: Options without DialContext or Inspect")
	}
	r := &Refresher{
		store: store{o.Folder, o.Inspect},
		dial:  o.DialContext, roots: o.RootCAs, maxBytes: o.MaxBytes,
		changed: o.Changed, observer: o.Observer, log: o.Log, now: o.now,
		slots: make(chan struct{}, maxFetches), wake: make(chan struct{}, 1),
	}
	if r.maxBytes <= 0 {
		r.maxBytes = DefaultMaxBytes
	}
	if r.changed == nil {
		r.changed = func() {}
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	names := make(map[string]bool)
	for _, l := range o.Lists {
		if l.Interval == 0 {
			l.Interval = DefaultInterval
		}
		if err := l.check(); err != nil {
			return nil, err
		}
		if names[l.Name] {
			return nil, fmt.Errorf("two lists are called %q: list names must differ", l.Name)
		}
		names[l.Name] = true
		r.entries = append(r.entries, &entry{list: l})
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for the copies of lists: %w", err)
	}
	now := r.wall()
	for _, e := range r.entries {
		e.copy = r.load(&e.list)
		e.due = now.Add(firstWait(e.copy, e.list.Interval, now))
	}
	r.findFormer()
	r.ctx, r.close = context.WithCancelCause(context.Background())
	return r, nil
}

// check reports what makes l unusable.
func (l *List) check() error {
	u, err := url.Parse(l.URL)
	switch {
	case l.Name == "":
		return errors.New("a list without a name")
	case !utf8.ValidString(l.Name), !utf8.ValidString(l.URL):
		return fmt.Errorf("list %q: name or URL is not UTF-8", l.Name)
	case err != nil:
		return fmt.Errorf("list %q: the URL cannot be read", l.Name) // it may hold a token
	case u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("list %q: the URL must be https://host/…", l.Name)
	case l.Interval < MinInterval || l.Interval > MaxInterval:
		return fmt.Errorf("list %q: the interval is %v, want %v to %v", l.Name, l.Interval, MinInterval, MaxInterval)
	}
	return nil
}

// load returns what is known of a copy. One that cannot be used is as good as none.
func (r *Refresher) load(l *List) *metadata {
	m, err := r.store.load(l)
	if err != nil {
		r.log.Warn("the copy of a list cannot be used and will be fetched again", "list", l.Name, "error", err)
	}
	return m
}

// Start lets the schedule begin, and removes the copies of lists that are gone and
// of URLs that are not needed any more.
// What is due is fetched at once, in the background. A second Start does nothing.
func (r *Refresher) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || r.ctx.Err() != nil {
		return
	}
	r.started = true
	r.tasks.Go(func() {
		r.sweep()
		r.announce()
		r.schedule()
	})
}

// Close ends what is under way and waits for it. Copies stay as they are.
func (r *Refresher) Close() error {
	r.mu.Lock()
	r.close(ErrClosed)
	r.mu.Unlock()
	r.tasks.Wait()
	return nil
}

// Path returns the file with the copy of a list, "" when there is none yet. Until
// the first good copy has come from the list's URL, that is the copy which the list
// had from another URL, if any. The file is replaced by renaming, and by that of
// another URL only some time after Changed: whoever has opened it reads one copy to
// its end.
func (r *Refresher) Path(list string) string {
	e := r.entry(list)
	if e == nil {
		return ""
	}
	r.mu.Lock()
	m := e.serving()
	r.mu.Unlock()
	if m == nil {
		return ""
	}
	path := r.store.path(m.source())
	if _, err := os.Stat(path); err != nil { // an operator may have removed it
		return ""
	}
	return path
}

// entry returns the list of that name, nil if there is none.
func (r *Refresher) entry(list string) *entry {
	for _, e := range r.entries {
		if e.list.Name == list {
			return e
		}
	}
	return nil
}

// Refresh fetches a list now, or waits for the fetch that is under way. It does
// not need Start. It returns nil when the copy is now the server's list, else an
// *Error, ErrClosed, or the error of ctx, which ends the waiting but not the
// fetch.
func (r *Refresher) Refresh(ctx context.Context, list string) error {
	e := r.entry(list)
	if e == nil {
		return fmt.Errorf("no list from a URL is called %q", list)
	}
	c, err := r.join(ctx, e)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
