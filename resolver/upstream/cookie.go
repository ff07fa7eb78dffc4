package upstream

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"sync"

	"tundns/dnswire"
)

// Lengths of the parts of a COOKIE option in bytes (RFC 7873 section 4).
const (
	clientCookie    = 8
	minServerCookie = 8
	maxServerCookie = 32
)

// maxWays bounds the cookies that a transport keeps. A host that changes its
// address more often than that starts anew with all servers.
const maxWays = 64

// way is what a cookie is for: a new address of ours gets a new one, so that
// nobody can tell that it is the same host (RFC 9018 section 3).
type way struct {
	from netip.Addr
	to   netip.AddrPort
}

// cookieJar keeps DNS cookies (RFC 7873): a random one of ours for each way,
// which whoever does not see the query cannot put into a reply, and behind it
// the server's own, once it has given one. The zero value is empty and ready to
// use. It is safe for concurrent use.
type cookieJar struct {
	mu   sync.Mutex
	ways map[way][]byte
}

// get returns the data of the COOKIE option to send. It is not to be changed.
func (j *cookieJar) get(w way) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c, ok := j.ways[w]; ok {
		return c
	}
	if j.ways == nil || len(j.ways) >= maxWays {
		j.ways = make(map[way][]byte)
	}
	c := make([]byte, clientCookie)
	rand.Read(c) // never fails
	j.ways[w] = c
	return c
}

// set keeps what a server has given.
func (j *cookieJar) set(w way, cookie []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.ways[w]; ok && !bytes.Equal(old, cookie) {
		j.ways[w] = bytes.Clone(cookie)
	}
}

// What the cookie in a reply says of it.
type cookieVerdict int

const (
	cookieGood    cookieVerdict = iota // the reply is the server's, as far as cookies tell
	cookieForged                       // it is not
	cookieMissing                      // the server gave cookies before, but not here
	cookieBad                          // it is the server's, which demands its new cookie (BADCOOKIE)
)

// checkCookie judges a reply to a query with the cookie sent. got is the reply's own, if
// it is one to keep.
func checkCookie(sent, reply []byte) (v cookieVerdict, got []byte) {
	rr, found, _ := dnswire.FindOPT(reply)
	var has bool
	if found {
		got, has = findOption(dnswire.ReadOPT(reply, &rr).Options, dnswire.OptionCookie)
	}
	switch n := len(got) - clientCookie; {
	case !has && len(sent) > clientCookie:
		return cookieMissing, nil
	case !has:
		return cookieGood, nil
	case n < minServerCookie || n > maxServerCookie || !bytes.Equal(got[:clientCookie], sent[:clientCookie]):
		return cookieForged, nil
	}
	if rcode, _ := rcodeAndErrors(reply); rcode == dnswire.RcodeBadCookie {
		return cookieBad, got
	}
	return cookieGood, got
}

// findOption returns the data of the first option of a code.
func findOption(options []byte, code uint16) (data []byte, found bool) {
	for {
		c, d, rest, ok, _ := dnswire.NextOption(options)
		if !ok {
			return nil, false
		}
		if c == code {
			return d, true
		}
		options = rest
	}
}
