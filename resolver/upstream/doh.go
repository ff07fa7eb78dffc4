package upstream

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"tundns/dnswire"
)

const (
	// dnsMessage is the media type of RFC 8484 section 6.
	dnsMessage = "application/dns-message"

	// maxHTTPHeader bounds a response's header in bytes: DoH servers send a few
	// hundred.
	maxHTTPHeader = 16 << 10
)

// doh is what DNS over HTTPS (RFC 8484) is over any version of HTTP. There are
// no proxies, cookies or redirects.
type doh struct {
	url    *url.URL
	get    bool
	header http.Header // of all requests; never changed
}

func newDoH(t *target) *doh {
	u := *t.url
	u.Scheme = "https"
	d := &doh{url: &u, get: t.get, header: http.Header{
		"Accept":     {dnsMessage},
		"User-Agent": {""}, // none: it would tell installations apart
	}}
	if !d.get {
		d.header.Set("Content-Type", dnsMessage)
	}
	return d
}

// dohExchange carries out a Transport's exchange over a pool of HTTP sessions.
func dohExchange(ctx context.Context, p *pool, query []byte) ([]byte, error) {
	if _, _, err := dnswire.ReadQuestion(query); err != nil || len(query) > dnswire.MaxMessage {
		return nil, ErrQuery
	}
	// RFC 8484 section 4.1: ID 0 lets caches do their work, and shows nothing.
	body := append(make([]byte, 0, len(query)), query...)
	dnswire.SetID(body, 0)
	reply, err := p.exchange(ctx, body)
	if err != nil {
		return nil, err
	}
	return finish(reply, query)
}

// ask sends query over a connection and returns the message that comes back.
func (d *doh) ask(ctx context.Context, conn http.RoundTripper, query []byte) ([]byte, error) {
	resp, err := conn.RoundTrip(d.request(query).WithContext(ctx))
	if err != nil {
		return nil, httpLost(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, StatusError(resp.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != dnsMessage {
		return nil, MediaTypeError(resp.Header.Get("Content-Type"))
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, dnswire.MaxMessage+1))
	if err != nil {
		return nil, httpLost(ctx, err)
	}
	if len(reply) > dnswire.MaxMessage {
		return nil, ErrMalformed
	}
	takeOffAge(reply, resp.Header.Get("Age"))
	return reply, nil
}

// request carries query in its body or, by GET, in its URL (RFC 8484 section
// 4.1).
func (d *doh) request(query []byte) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: d.url, Host: d.url.Host, Header: d.header}
	if !d.get {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(query)), int64(len(query))
		return r
	}
	u := *d.url
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "dns=" + base64.RawURLEncoding.EncodeToString(query)
	r.Method, r.URL = http.MethodGet, &u
	return r
}

func httpLost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &connError{err}
}

// takeOffAge reduces the TTLs of reply by the seconds that it has spent in HTTP
// caches (RFC 8484 section 5.1). An age that is not a number is ignored.
func takeOffAge(reply []byte, age string) {
	seconds, err := strconv.ParseUint(age, 10, 32)
	if err != nil || seconds == 0 {
		return
	}
	dnswire.MapTTL(reply, func(ttl uint32) uint32 { return ttl - min(ttl, uint32(seconds)) })
}
