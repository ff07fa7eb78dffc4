package appliance

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// maxWebConns bounds the open HTTP connections of one listener: a few
	// scrapers and people.
	maxWebConns = 64
	// webTimeout is how long a request may take to arrive, or its answer to
	// leave.
	webTimeout = 15 * time.Second
)

// limit bounds the connections that l has open.
func limit(l net.Listener) net.Listener { return netutil.LimitListener(l, maxWebConns) }

// webServer serves /metrics and a page that leads there.
func (a *Appliance) webServer() *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "tundns %s\n\n/metrics   Prometheus metrics\n", a.version)
	})
	return &http.Server{Handler: mux, ReadTimeout: webTimeout, WriteTimeout: webTimeout, IdleTimeout: webTimeout, MaxHeaderBytes: 16 << 10}
}

// listenMetrics serves metrics on an address of the host, if there is one.
func (a *Appliance) listenMetrics(addr string) error {
	if addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	web := a.webServer()
	a.onClose(func() { web.Close() })
	a.run("metrics at "+addr, func() error { return ignoreClosed(web.Serve(limit(l))) })
	return nil
}
