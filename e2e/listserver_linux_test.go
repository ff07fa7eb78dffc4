package e2e

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

// listName is the host that lists are fetched from.
const listName = "lists.example"

// listServer serves one list over HTTPS, as publishers do: with an ETag.
type listServer struct {
	ca *authority

	mu       sync.Mutex
	text     string
	status   int         // in place of the text, or silence; 0: none
	statuses map[int]int // how often each was given

	server *http.Server // nil while it is down
}

func newListServer(t testing.TB) *listServer {
	return &listServer{ca: newAuthority(t), statuses: make(map[int]int)}
}

// up serves at the host until down, or the end of the test.
func (s *listServer) up(h *host, addr netip.Addr) {
	h.t.Helper()
	s.server = &http.Server{
		Handler:   s,
		ErrorLog:  log.New(io.Discard, "", 0), // clients that end are part of the scenario
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.ca.issue(listName)}},
	}
	l := h.listen(netip.AddrPortFrom(addr, 443))
	h.t.Cleanup(s.down)
	go s.server.ServeTLS(l, "", "")
}

// down closes the port and all connections.
func (s *listServer) down() {
	if s.server != nil {
		s.server.Close()
		s.server = nil
	}
}

// give has the server give a text from now on, or a status when it is not 0.
func (s *listServer) give(text string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.status = text, status
}

// given returns how often a status was given.
func (s *listServer) given(status int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses[status]
}

// silence in place of a status keeps the client waiting until it gives up.
const silence = -1

func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == silence {
		s.statuses[silence]++
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
		return
	}
	sum := fnv.New64a()
	io.WriteString(sum, s.text)
	tag := fmt.Sprintf("%q", fmt.Sprintf("%x", sum.Sum64()))
	status := http.StatusOK
	switch {
	case s.status != 0:
		status = s.status
	case r.Host != listName || r.URL.Path != "/list.txt":
		status = http.StatusNotFound
	case r.Header.Get("If-None-Match") == tag:
		status = http.StatusNotModified
	}
	s.statuses[status]++
	w.Header().Set("ETag", tag)
	w.WriteHeader(status)
	if status == http.StatusOK {
		io.WriteString(w, s.text)
	}
}
