// Tundns is a caching, policy-aware DNS resolver that lives inside a tunnel
// interface. See README.md.
package main

import (
	"os"

	"tundns/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
