package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tundns/dnswire"
)

// patience is how long a query may take; stub resolvers give up after half of it.
const patience = 10 * time.Second

// sample is one query.
type sample struct {
	at   time.Duration // since the phase began
	took time.Duration
	by   byte // the number of the server whose answer it is, 0 without an answer
}

// load asks a resolver for new names at a fixed rate, once each.
type load struct {
	addr string
	rate int
	n    atomic.Int64
}

// await returns when the resolver answers.
func (l *load) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if l.ask(200*time.Millisecond).by != 0 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return errors.New("the resolver does not answer")
}

// run asks for d and returns the samples in the order in which they were sent.
func (l *load) run(ctx context.Context, d time.Duration) []sample {
	distance := time.Second / time.Duration(l.rate)
	all := make([]sample, d/distance)
	var wg sync.WaitGroup
	ticker := time.NewTicker(distance)
	defer ticker.Stop()
	begun := time.Now()
	for i := range all {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		wg.Go(func() {
			at := time.Since(begun)
			all[i] = l.ask(patience)
			all[i].at = at
		})
	}
	wg.Wait()
	return all
}

// ask asks for one new name.
func (l *load) ask(patience time.Duration) sample {
	name := dnswire.MustName(fmt.Sprintf("n%d.bench.example.net", l.n.Add(1)))
	conn, err := net.Dial("udp", l.addr)
	if err != nil {
		return sample{took: patience}
	}
	defer conn.Close()
	id := uint16(time.Now().UnixNano())
	query := dnswire.AppendQuestion(nil, id, dnswire.FlagRD, dnswire.Question{Name: name, Type: dnswire.TypeA, Class: dnswire.ClassIN})
	start := time.Now()
	conn.SetDeadline(start.Add(patience))
	var buf [dnswire.MaxMessage]byte
	if _, err := conn.Write(query); err != nil {
		return sample{took: patience}
	}
	for {
		n, err := conn.Read(buf[:])
		took := time.Since(start)
		if err != nil {
			return sample{took: took}
		}
		msg := buf[:n]
		if dnswire.Check(msg) != nil || dnswire.ID(msg) != id {
			continue
		}
		for it := dnswire.NewRecords(msg); it.Next(); {
			if rr := it.RR; rr.Section == dnswire.Answer && rr.Type == dnswire.TypeA {
				return sample{took: took, by: msg[rr.End-1]}
			}
		}
		return sample{took: took} // SERVFAIL
	}
}
