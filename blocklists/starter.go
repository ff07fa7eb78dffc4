package blocklists

import (
	_ "embed"
	"io"
	"strings"
)

//go:embed starter.txt
var starter string

// Starter returns the list that is compiled in: some 200 well-known names of ad
// and tracker hosts, chosen so that no site breaks without them.
func Starter() Source {
	return Source{
		Name:   "starter",
		Path:   "starter.txt (compiled in)",
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(starter)), nil },
		Format: Domains,
	}
}
