// Package listtest gives tests and benchmarks names as block lists have them:
// those of published lists, and made-up ones of the same shapes in any number.
// All names are distinct, in lower case, without a trailing dot, and of letters,
// digits, hyphens and underscores.
package listtest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Env is the environment variable that names a folder of published lists.
const Env = "TUNDNS_LISTS"

// Real returns the different names in the published lists of the folder that
// TUNDNS_LISTS names, in the order of files and lines. When the variable is not
// set there are none, and it says so: lists belong to no machine by nature.
func Real(tb testing.TB) []string {
	tb.Helper()
	if os.Getenv(Env) == "" {
		tb.Logf("%s is not set: published lists are not tested", Env)
		return nil
	}
	return read(tb)
}

// Many returns n names: the first n of Real when TUNDNS_LISTS is set, filled up
// by Mix, else those of Names. It is for measurements, and skips nothing.
func Many(tb testing.TB, n int) []string {
	tb.Helper()
	if os.Getenv(Env) == "" {
		return Names(n)
	}
	names := read(tb)
	return Mix(names[:min(n, len(names))], n)
}

func read(tb testing.TB) []string {
	tb.Helper()
	names, err := Folder(os.Getenv(Env))
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

// Folder returns the different names in the lists of a folder, in the order of
// files and lines. A folder without any is an error.
func Folder(path string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil {
		return nil, err
	}
	var (
		names []string
		seen  = make(map[string]struct{})
	)
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		scan := bufio.NewScanner(file)
		for scan.Scan() {
			name, ok := FromLine(scan.Text())
			if !ok {
				continue
			}
			if _, old := seen[name]; !old {
				seen[name] = struct{}{}
				names = append(names, name)
			}
		}
		file.Close()
		if scan.Err() != nil {
			return nil, fmt.Errorf("%s: %w", path, scan.Err())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no lists in %s", path)
	}
	return names, nil
}

// FromLine returns the name in a line of a published list: hosts, domains,
// wildcards, adblock, dnsmasq or unbound. It is plain and independent of the
// parsers under test, and takes one name of a line at most.
func FromLine(line string) (name string, ok bool) {
	line = strings.TrimSpace(line)
	for _, prefix := range []string{"0.0.0.0 ", "127.0.0.1 ", "@@||", "||", "*.", "address=/", "server=/", "local=/", `local-zone: "`} {
		if rest, found := strings.CutPrefix(line, prefix); found {
			line = strings.TrimSpace(rest)
			break
		}
	}
	if end := strings.IndexAny(line, "^/\"$ \t"); end >= 0 {
		line = line[:end]
	}
	name = strings.ToLower(strings.TrimSuffix(line, "."))
	return name, isHost(name)
}

// isHost reports whether name is one that the tests use.
func isHost(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
