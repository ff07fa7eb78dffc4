package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// result is what one outage came to.
type result struct {
	quiet, outage, revival  []sample
	quietAsked, outageAsked int64 // queries that reached the upstream servers
	skipped                 bool
	err                     error
}

func printHead(w io.Writer, set settings) {
	fmt.Fprintf(w, "%d new names a second; two servers of %v; the first is dead for %v. Times in ms.\n\n", set.rate, answerTime, set.outage)
	fmt.Fprintln(w, "| resolver | first server | answered | p50 / p99 | max, first second | max, after | upstream queries per query: well / outage | back after | longest stall of the machine |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
}

func printRow(w io.Writer, name, outage string, r result, stall time.Duration) {
	var first, later []sample
	for _, s := range r.outage {
		if s.at < time.Second {
			first = append(first, s)
		} else {
			later = append(later, s)
		}
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s / %s | %s | %s | %.2f / %.2f | %s | %s |\n", name, outage, answered(r.outage),
		ms(quantile(r.outage, 0.5)), ms(quantile(r.outage, 0.99)), ms(quantile(first, 1)), ms(quantile(later, 1)),
		float64(r.quietAsked)/float64(len(r.quiet)), float64(r.outageAsked)/float64(len(r.outage)), back(r.revival), ms(stall))
}

// answered is the part of the queries that got an address.
func answered(all []sample) string {
	n := 0
	for _, s := range all {
		if s.by != 0 {
			n++
		}
	}
	if n == len(all) {
		return "100 %"
	}
	return fmt.Sprintf("%.2f %% (%d lost)", 100*float64(n)/float64(len(all)), len(all)-n)
}

// quantile is the time within which q of the queries were answered; one without
// an answer counts with the time it was waited for.
func quantile(all []sample, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	times := make([]time.Duration, len(all))
	for i, s := range all {
		times[i] = s.took
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

func ms(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d", d.Milliseconds())
}

// back is when the first server's answers reach clients again.
func back(all []sample) string {
	for _, s := range all {
		if s.by == 1 {
			return fmt.Sprintf("%.1f s", s.at.Seconds())
		}
	}
	return "not yet"
}
