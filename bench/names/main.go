// Command names prints as many different names as its argument says, in the
// shapes that block lists have: those of the published lists in the folder that
// TUNDNS_LISTS names, if it is set, and made-up ones.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"

	"tundns/blocklists/listtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "names:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: names NUMBER")
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of names", os.Args[1])
	}
	names := listtest.Names(n)
	if folder := os.Getenv(listtest.Env); folder != "" {
		published, err := listtest.Folder(folder)
		if err != nil {
			return err
		}
		names = listtest.Mix(published[:min(n, len(published))], n)
	}
	out := bufio.NewWriter(os.Stdout)
	for _, name := range names {
		fmt.Fprintln(out, name)
	}
	return out.Flush()
}
