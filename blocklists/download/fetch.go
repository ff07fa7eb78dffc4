package download

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxRedirects is enough for a host that has moved, a mirror and a CDN, and
	// ends a loop.
	maxRedirects = 5

	// stall is how long a server may send nothing. Some make the list when it is
	// asked for.
	stall = time.Minute

	// deadline bounds a fetch from start to end: 64 MiB at 0.6 Mbit/s.
	deadline = 15 * time.Minute

	// maxHeader bounds the fields of a response, in bytes; lists come with 2 KiB.
	maxHeader = 64 << 10

	// keptShare is how much of its rules a list must keep, in percent.
	keptShare = 60
)

var (
	errStalled = fmt.Errorf("nothing came for %v", stall)
	errSlow    = fmt.Errorf("it was not complete after %v", deadline)
)

// fetch asks the server for a list, known being what is known of its copy, and
// puts what is new in place. It returns what is then known of the copy. Errors are
// of type *Error or ErrClosed.
func (r *Refresher) fetch(ctx context.Context, l *List, known *metadata) (*metadata, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, errSlow)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	patience := time.AfterFunc(stall, func() { giveUp(errStalled) })
	defer patience.Stop()

	resp, err := r.request(ctx, l, known)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	now := r.now().UTC()
	switch {
	case resp.StatusCode == http.StatusNotModified && known.conditional():
		fresh := *known
		fresh.Checked = now
		if err := r.store.putMetadata(l, fresh); err != nil {
			return nil, because(Disk, err)
		}
		return &fresh, nil
	case resp.StatusCode != http.StatusOK:
		return nil, becausef(HTTPStatus, "the server says %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case resp.ContentLength > r.maxBytes:
		return nil, r.tooLarge()
	}

	text, err := newDraft(r.store.folder)
	if err != nil {
		return nil, because(Disk, err)
	}
	in := newIntake(ctx, resp.Body, text, patience, r.maxBytes)
	fresh := &metadata{
		List: l.Name, URL: l.URL,
		ETag: etag(resp.Header.Get("ETag")), LastModified: lastModified(resp.Header.Get("Last-Modified")),
		Changed: now, Checked: now,
	}
	if err := r.take(l, in, fresh, known); err != nil {
		text.discard()
		return nil, err
	}
	if known != nil && known.SHA256 == fresh.SHA256 {
		text.discard()
		if !known.Changed.IsZero() {
			fresh.Changed = known.Changed
		}
		if err := r.store.putMetadata(l, *fresh); err != nil {
			return nil, because(Disk, err)
		}
		return fresh, nil
	}
	if err := r.store.put(l, *fresh, text); err != nil {
		return nil, because(Disk, err)
	}
	return fresh, nil
}

// request sends the request and returns the response to the last redirect.
func (r *Refresher) request(ctx context.Context, l *List, known *metadata) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.URL, nil)
	if err != nil {
		return nil, because(Network, err)
	}
	req.Header.Set("User-Agent", "tundns")
	if known.conditional() {
		// With both, servers go by the first (RFC 9110 section 13.1.3).
		setIf(req.Header, "If-None-Match", known.ETag)
		setIf(req.Header, "If-Modified-Since", known.LastModified)
	}
	resp, err := r.client(ctx).Do(req)
	if err == nil {
		return resp, nil
	}
	if refused, ok := errors.AsType[*Error](err); ok {
		return nil, refused
	}
	return nil, lost(ctx, err)
}

// lost is the error of a request or a response that broke off.
func lost(ctx context.Context, err error) error {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err // a URL may hold a token, and logs are shown around
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	return because(Network, err)
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// client returns a client for one fetch. Its connections end with ctx, so that
// none is left behind. It uses no proxy and keeps no cookies.
func (r *Refresher) client(ctx context.Context) *http.Client {
	return &http.Client{
		CheckRedirect: follow,
		Transport: &http.Transport{
			DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
				conn, err := r.dial(ctx, network, addr)
				if err == nil {
					context.AfterFunc(ctx, func() { conn.Close() })
				}
				return conn, err
			},
			TLSClientConfig:        &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true, // off otherwise, with a DialContext
			MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// follow is asked before a redirect is followed.
func follow(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return becausef(HTTPStatus, "the server redirects more than %d times", maxRedirects)
	case req.URL.Scheme != "https":
		return becausef(HTTPStatus, "the server redirects to %s://%s: only https:// is followed", req.URL.Scheme, req.URL.Host)
	}
	req.Header.Del("Referer") // the URL's token is not for the next host
	return nil
}

// take reads the text and completes what is known of it, or says why it does not
// replace the copy.
func (r *Refresher) take(l *List, in *intake, fresh, known *metadata) error {
	rules, err := r.store.inspect(l.Name, in)
	if in.failed() == nil && err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	switch failed := in.failed(); {
	case errors.Is(failed, errTooLarge):
		return r.tooLarge()
	case failed != nil:
		return failed
	case errors.Is(err, ErrHTML):
		return because(HTML, err)
	case err != nil:
		return because(Binary, err)
	case rules == 0:
		return becausef(Empty, "no rule in the %d bytes that the server sent", in.n)
	case r.shrunk(l, rules, known):
		return becausef(Shrunk, "%d rules instead of %d; if that is right, remove %s and refresh the list", rules, known.Rules, r.store.path(l))
	}
	fresh.Rules, fresh.Bytes, fresh.SHA256 = rules, in.n, in.digest()
	return nil
}

// shrunk compares a text with the copy. What it is to be refused for is counted
// again: the metadata may have been written by a build that reads more or less
// of a list, or with another format configured.
func (r *Refresher) shrunk(l *List, rules int, known *metadata) bool {
	less := func() bool { return int64(rules)*100 < int64(known.Rules)*keptShare }
	if known == nil || !less() {
		return false
	}
	n, err := r.store.count(l)
	if err != nil {
		return false // the copy was removed meanwhile
	}
	known.Rules = n
	return less()
}

func (r *Refresher) tooLarge() error {
	return becausef(Size, "larger than %d bytes", r.maxBytes)
}
