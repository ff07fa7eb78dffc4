package main

import "time"

// nap is how long the watch for stalls sleeps at a time.
const nap = 2 * time.Millisecond

// watchStalls measures for how long at most this process was ready to run and did
// not: a time in the table that is not above that may be the machine's rather than
// the resolver's. The function that it returns ends the watch.
func watchStalls() func() time.Duration {
	end, longest := make(chan struct{}), make(chan time.Duration)
	go func() {
		var most time.Duration
		for {
			start := time.Now()
			select {
			case <-time.After(nap):
				most = max(most, time.Since(start)-nap)
			case <-end:
				longest <- most
				return
			}
		}
	}()
	return func() time.Duration {
		close(end)
		return <-longest
	}
}
