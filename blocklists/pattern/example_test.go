package pattern_test

import (
	"fmt"

	"tundns/blocklists/pattern"
)

func Example() {
	var b pattern.Builder
	add := func(id uint32, p *pattern.Pattern, err error) {
		switch {
		case err != nil:
			fmt.Println("skipped:", err)
		case p.TooWide():
			fmt.Println("skipped: too wide:", p)
		default:
			if err := b.Add(id, p); err != nil {
				fmt.Println("skipped:", err)
			}
		}
	}
	p, err := pattern.Wildcard{Text: "ad*.example", Start: pattern.Label, End: true}.Compile()
	add(1, p, err)
	for i, expr := range []string{`^ads?[0-9]+\.`, `(?!www)ads`, `\.com$`} {
		p, err := pattern.Regexp(expr)
		add(uint32(2+i), p, err)
	}
	m := b.Build().Find([]byte("ads7.example"))
	for id, text, ok := m.Next(); ok; id, text, ok = m.Next() {
		fmt.Println(id, text)
	}
	// Unordered output:
	// skipped: look-around and back-references are not supported: regular expressions are RE2
	// skipped: too wide: /\.com$/
	// 1 ||ad*.example^
	// 2 /^ads?[0-9]+\./
}
