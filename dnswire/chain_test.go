package dnswire

import (
	"fmt"
	"strings"
	"testing"
)

func TestChain(t *testing.T) {
	var long []string
	for i := range 40 {
		long = append(long, fmt.Sprintf("n%d.x. 60 IN CNAME n%d.x.", i, i+1))
	}
	for name, c := range map[string]struct {
		records []string
		want    string
	}{
		"none":         {nil, "a.x"},
		"in order":     {[]string{"a.x. 1 IN CNAME b.x.", "b.x. 1 IN CNAME c.x.", "c.x. 1 IN A 192.0.2.1"}, "a.x b.x c.x"},
		"out of order": {[]string{"b.x. 1 IN CNAME c.x.", "A.X. 1 IN CNAME b.x."}, "a.x b.x c.x"},
		"loop":         {[]string{"a.x. 1 IN CNAME b.x.", "b.x. 1 IN CNAME a.x."}, "a.x b.x"},
		"to itself":    {[]string{"a.x. 1 IN CNAME a.x."}, "a.x"},
		"off chain":    {[]string{"z.x. 1 IN CNAME b.x."}, "a.x"},
	} {
		var got []string
		for _, n := range Chain(msg(t, "a.x. A", c.records, nil, nil), MustName("a.x")) {
			got = append(got, n.Text())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
	if n := len(Chain(msg(t, "n0.x. A", long, nil, nil), MustName("n0.x"))); n != maxChain {
		t.Errorf("a chain of 40 gives %d names", n)
	}
}
