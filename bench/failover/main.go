// Command failover measures what clients notice when the first of a resolver's two
// upstream servers dies. It starts scripted servers that take 5 ms, resolvers that
// ask them, and a load of new names, all on loopback; kills the first server in
// one way, revives it, and prints a table.
//
//	go run ./bench/failover                      # everything that is installed, some 5 minutes
//	go run ./bench/failover -seconds 10 -resolvers tundns
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

// settings are the flags.
type settings struct {
	rate    int           // queries a second
	quiet   time.Duration // before the outage
	outage  time.Duration
	revival time.Duration // after it
}

func main() {
	seconds := flag.Int("seconds", 60, "length of the outage")
	rate := flag.Int("rate", 50, "new names a second")
	names := flag.String("resolvers", strings.Join(resolverNames(), ","), "which resolvers to measure")
	only := flag.String("cases", "", "which outages, such as \"refused,5xx (HTTPS)\"; all if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	set := settings{*rate, 10 * time.Second, time.Duration(*seconds) * time.Second, 15 * time.Second}
	if err := run(ctx, set, strings.Split(*names, ","), *only); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

// run measures the resolvers one after the other, each in all outages at once: at
// this rate they do not disturb each other.
func run(ctx context.Context, set settings, names []string, only string) error {
	printHead(os.Stdout, set)
	for _, name := range names {
		r := resolverNamed(name)
		if r == nil {
			return fmt.Errorf("no resolver %q; there are %s", name, strings.Join(resolverNames(), ", "))
		}
		if why := r.missing(); why != "" {
			fmt.Fprintf(os.Stderr, "failover: %s is left out: %s\n", name, why)
			continue
		}
		stalled := watchStalls()
		var wg sync.WaitGroup
		results := make([]result, len(outages))
		for i, o := range outages {
			if only != "" && !slices.Contains(strings.Split(only, ","), o.name) || o.encrypted && !r.encrypted {
				results[i].skipped = true
				continue
			}
			wg.Go(func() { results[i] = measure(ctx, set, r, o) })
		}
		wg.Wait()
		stall := stalled()
		for i, o := range outages {
			switch res := results[i]; {
			case res.err != nil:
				return fmt.Errorf("%s, %s: %w", name, o.name, res.err)
			case !res.skipped:
				printRow(os.Stdout, name, o.name, res, stall)
			}
		}
	}
	return nil
}

// measure plays one outage on one resolver.
func measure(ctx context.Context, set settings, r *contender, o outage) (res result) {
	first, err := startServer(1, o.encrypted)
	if err != nil {
		return result{err: err}
	}
	defer first.close()
	second, err := startServer(2, o.encrypted)
	if err != nil {
		return result{err: err}
	}
	defer second.close()
	addr, stop, err := r.start(first, second)
	if err != nil {
		return result{err: err}
	}
	defer stop()
	load := &load{addr: addr, rate: set.rate}
	if err := load.await(ctx); err != nil {
		return result{err: err}
	}
	asked := func() int64 { return first.asked.Load() + second.asked.Load() }

	before := asked()
	res.quiet = load.run(ctx, set.quiet)
	res.quietAsked = asked() - before

	if err := first.become(o.mode); err != nil {
		return result{err: err}
	}
	before = asked()
	res.outage = load.run(ctx, set.outage)
	res.outageAsked = asked() - before
	for _, s := range res.outage {
		if s.by == 1 && o.mode != slow && s.at > time.Second {
			return result{err: errors.New("the first server has answered while it was dead")}
		}
	}

	if err := first.become(well); err != nil {
		return result{err: err}
	}
	res.revival = load.run(ctx, set.revival)
	res.err = ctx.Err()
	return res
}
