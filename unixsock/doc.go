// Package unixsock listens on Unix domain sockets that only the process's own
// user and root can connect to.
package unixsock
