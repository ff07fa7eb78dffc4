//go:build !windows

package upstream

// resolvConf names the host's servers (resolv.conf(5)).
const resolvConf = "/etc/resolv.conf"
