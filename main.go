// Tundns is a caching, policy-aware DNS resolver that lives inside a tunnel
// interface. See README.md.
package main

import (
	"os"
	_ "time/tzdata" // schedules name time zones; routers and containers have no database of them

	"tundns/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
