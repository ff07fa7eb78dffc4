package blocklists

import (
	"bytes"
	"io"
)

// How much of a list is looked at to tell its format: enough lines that a few
// strays do not matter, and a bound for the memory that they take.
const (
	holdLines = 256
	holdBytes = 1 << 20
)

// heldLine is a line that waits for the format to be known.
type heldLine struct {
	n    int // from 1
	text []byte
	long bool // longer than maxLine, text is its start
}

// hold reads the first lines of a list but for comments.
func hold(in *lines) ([]heldLine, error) {
	var held []heldLine
	for size := 0; len(held) < holdLines && size < holdBytes; {
		text, long, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if trimmed := trim(text); lookOf(trimmed, marksIn(trimmed), Adblock) == comment {
			continue
		}
		held = append(held, heldLine{in.n, bytes.Clone(text), long})
		size += len(text)
	}
	return held, nil
}

// guess returns the format that most of the lines look like. Domains wins a
// draw: it is the reading of a bare name that people expect of their own lists.
// What only a zone file starts with decides at once.
func guess(held []heldLine) Format {
	var votes [RPZ + 1]int
	for _, h := range held {
		text := trim(h.text)
		switch look := lookOf(text, marksIn(text), Adblock); {
		case look == comment:
		case look == zoneLine && startsZone(text):
			return RPZ
		case look != cosmetic:
			votes[formats[look]]++
		case text[0] != '#': // ## may be decoration
			votes[Adblock]++
		}
	}
	best := Domains
	for _, f := range [...]Format{RPZ, Unbound, Dnsmasq, Adblock, Hosts} {
		if votes[f] > votes[best] {
			best = f
		}
	}
	return best
}
