package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"tundns/resolver"
	"tundns/resolver/upstream"
)

// contender is a resolver to be measured.
type contender struct {
	name      string
	program   string // "" for what runs in this process
	encrypted bool   // takes HTTPS servers as they are here
	start     func(first, second *server) (addr string, stop func(), err error)
}

var contenders = []*contender{
	{name: "tundns", encrypted: true, start: tundns(upstream.Failover)},
	{name: "tundns-fastest", encrypted: true, start: tundns(upstream.Fastest)},
	{name: "unbound", program: "unbound", start: unbound},
	{name: "dnsdist", program: "dnsdist", start: dnsdist},
}

func resolverNames() (names []string) {
	for _, c := range contenders {
		names = append(names, c.name)
	}
	return names
}

func resolverNamed(name string) *contender {
	if i := slices.IndexFunc(contenders, func(c *contender) bool { return c.name == name }); i >= 0 {
		return contenders[i]
	}
	return nil
}

// missing says why the contender cannot be measured here, "" if it can.
func (c *contender) missing() string {
	if c.program == "" {
		return ""
	}
	if _, err := exec.LookPath(c.program); err != nil {
		return c.program + " is not installed"
	}
	return ""
}

// tundns runs the whole resolver of this module in this process.
func tundns(strategy upstream.Strategy) func(first, second *server) (string, func(), error) {
	return func(first, second *server) (string, func(), error) {
		var transports []upstream.Transport
		for _, s := range []*server{first, second} {
			u := upstream.Server{URL: s.url()}
			var t upstream.Transport
			var err error
			if s.roots == nil {
				t, err = upstream.NewTransport(u, nil)
			} else {
				t, err = upstream.NewTransport(u, s.roots.pool)
			}
			if err != nil {
				return "", nil, err
			}
			transports = append(transports, t)
		}
		group := upstream.NewGroup(upstream.Options{Name: "default", Transports: transports, Strategy: strategy})
		r := resolver.New(resolver.Options{State: resolver.State{Upstream: group}})
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- (&resolver.Server{Handler: r}).ServeUDP(ctx, conn) }()
		return conn.LocalAddr().String(), func() {
			cancel()
			conn.Close()
			<-done
			r.Close()
			group.Close()
		}, nil
	}
}

func unbound(first, second *server) (string, func(), error) {
	return launch("unbound", "unbound.conf", []string{"-d", "-c"}, func(dir string, port uint16) string {
		return fmt.Sprintf(`server:
  interface: 127.0.0.1@%d
  access-control: 127.0.0.0/8 allow
  directory: %q
  pidfile: ""
  chroot: ""
  username: ""
  use-syslog: no
  logfile: "log"
  verbosity: 0
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@%d
  forward-addr: 127.0.0.1@%d
`, port, dir, first.addr.Port(), second.addr.Port())
	})
}

func dnsdist(first, second *server) (string, func(), error) {
	return launch("dnsdist", "dnsdist.conf", []string{"--supervised", "-C"}, func(_ string, port uint16) string {
		return fmt.Sprintf(`setLocal("127.0.0.1:%d")
newServer({address="127.0.0.1:%d", order=1, checkInterval=1})
newServer({address="127.0.0.1:%d", order=2, checkInterval=1})
setServerPolicy(firstAvailable)
`, port, first.addr.Port(), second.addr.Port())
	})
}

// launch starts a program that takes its configuration from a file, the last
// argument, and listens at a free port.
func launch(program, file string, args []string, configure func(dir string, port uint16) string) (string, func(), error) {
	dir, err := os.MkdirTemp("", "failover")
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, file), []byte(configure(dir, port)), 0o600)
	}
	cmd := exec.Command(program, append(args, filepath.Join(dir, file))...)
	cmd.Stderr = os.Stderr
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	}, nil
}

// freePort returns a port at which nothing listens at present.
func freePort() (uint16, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
}
