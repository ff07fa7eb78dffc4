package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tundns/unixsock"
)

// controlDir holds a socket for each interface, by which a running tundns takes
// commands from its own user and root.
const controlDir = "/run/tundns"

func controlPath(name string) string { return filepath.Join(controlDir, name+".sock") }

// controlTimeout bounds a command; fetching lists takes the longest.
const controlTimeout = 2 * time.Minute

// listenControl serves commands. Without the socket everything but commands
// works, so that a folder which cannot be written to is only worth a warning.
func (a *Appliance) listenControl() {
	path := controlPath(a.device.Name())
	err := os.MkdirAll(controlDir, 0o755)
	var l net.Listener
	if err == nil {
		l, err = unixsock.Listen(path)
	}
	if err != nil {
		a.log.Warn("tundns pause and tundns lists refresh cannot reach this process", "error", err)
		return
	}
	server := &http.Server{Handler: a.control(), ReadTimeout: webTimeout, WriteTimeout: controlTimeout, MaxHeaderBytes: 16 << 10}
	a.onClose(func() { server.Close() })
	a.run("commands at "+path, func() error { return ignoreClosed(server.Serve(limit(l))) })
}

// control is the protocol of the commands: a POST for each with its parameters
// in the query; the reply is what the command prints.
func (a *Appliance) control() http.Handler {
	mux := http.NewServeMux()
	command := func(name string, f func(ctx context.Context, q url.Values, w io.Writer) error) {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			var out strings.Builder
			if err := f(r.Context(), r.URL.Query(), &out); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				json.NewEncoder(w).Encode(err.Error())
				return
			}
			json.NewEncoder(w).Encode(out.String())
		})
	}
	command("pause", a.pause)
	command("resume", a.resume)
	command("refresh", a.refreshLists)
	return mux
}

// Command has the tundns that runs on the interface of the given name carry out
// a command and returns what it prints. Without a name there must be one tundns
// only.
func Command(ctx context.Context, name, command string, parameters url.Values) (string, error) {
	path := controlPath(name)
	if name == "" {
		all, err := filepath.Glob(controlPath("*"))
		switch {
		case err != nil:
			return "", err
		case len(all) == 0:
			return "", fmt.Errorf("no tundns runs here: there is no socket in %s", controlDir)
		case len(all) > 1:
			return "", fmt.Errorf("several tundns may run here; choose one with --interface: %s", strings.Join(all, ", "))
		}
		path = all[0]
	}
	client := http.Client{Timeout: controlTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	u := url.URL{Scheme: "http", Host: "tundns", Path: "/" + command, RawQuery: parameters.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return "", fmt.Errorf("tundns cannot be reached at %s: %w", path, op.Err)
		}
		return "", err
	}
	defer resp.Body.Close()
	var text string
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&text); err != nil {
		return "", fmt.Errorf("tundns at %s: %s, %w", path, resp.Status, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(text)
	}
	return text, nil
}
