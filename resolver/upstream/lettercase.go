package upstream

import (
	"bytes"
	"crypto/rand"

	"tundns/dnswire"
)

// randomCase gives each letter of the question's name a random case
// (draft-vixie-dnsext-dns0x20): a bit a letter that a forger has to guess. msg
// is a query whose question has been read without error.
func randomCase(msg []byte) {
	var bits [dnswire.MaxName]byte
	rand.Read(bits[:]) // never fails
	for off, i := dnswire.HeaderLen, 0; msg[off] != 0; {
		for end := off + 1 + int(msg[off]); off+1 < end; i++ {
			off++
			if c := msg[off] | 0x20; 'a' <= c && c <= 'z' {
				msg[off] = c &^ (bits[i] & 0x20)
			}
		}
		off++
	}
}

// sameQuestion reports whether reply repeats the question of query to the letter,
// which ends at the offset end.
func sameQuestion(reply, query []byte, end int) bool {
	return len(reply) >= end && bytes.Equal(reply[dnswire.HeaderLen:end], query[dnswire.HeaderLen:end])
}
