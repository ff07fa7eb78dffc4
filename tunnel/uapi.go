package tunnel

import (
	"net"
	"sync"

	"golang.zx2c4.com/wireguard/device"
)

// uapiServer answers wg(8) on WireGuard's configuration socket. The nil *uapiServer is one
// that is closed.
type uapiServer struct {
	dev      *device.Device
	listener net.Listener
	running  sync.WaitGroup // of accept and of one handle for each connection

	mu     sync.Mutex // guards what follows
	closed bool
	conns  map[net.Conn]struct{}
}

func serveUAPI(dev *device.Device, name string) (*uapiServer, error) {
	listener, err := listenUAPI(name)
	if err != nil {
		return nil, err
	}
	s := &uapiServer{dev: dev, listener: listener, conns: make(map[net.Conn]struct{})}
	s.running.Go(s.accept)
	return s, nil
}

func (s *uapiServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.add(conn) {
			s.running.Go(func() { s.handle(conn) })
		}
	}
}

// add reports whether conn is to be handled. It closes conn if not.
func (s *uapiServer) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *uapiServer) handle(conn net.Conn) {
	s.dev.IpcHandle(conn) // closes conn
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// close removes the socket, cuts connections off and waits for their goroutines.
func (s *uapiServer) close() {
	if s == nil {
		return
	}
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}
