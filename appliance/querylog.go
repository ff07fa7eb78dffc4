package appliance

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"tundns/config"
	"tundns/resolver"
)

// queryLogLen is how many queries may wait to be logged: what comes in while the
// log is written to a slow disk for a tenth of a second.
const queryLogLen = 4096

// queryLog writes a line about each query without letting queries wait for it:
// what does not fit is dropped and counted.
type queryLog struct {
	lines   chan slog.Record
	dropped atomic.Uint64
}

// run writes lines until ctx is done.
func (l *queryLog) run(ctx context.Context, to *slog.Logger) {
	for {
		select {
		case line := <-l.lines:
			to.Handler().Handle(ctx, line)
		case <-ctx.Done():
			return
		}
	}
}

// logQuery logs a query as far as the configuration wants that.
func (a *Appliance) logQuery(q *resolver.Query, answer *resolver.Answer, took time.Duration) {
	switch a.current.Load().config.Log.Queries {
	case config.LogAll:
	case config.LogBlocked:
		if o := answer.Outcome; o != resolver.Blocked && o != resolver.Rewritten && o != resolver.Dropped {
			return
		}
	default:
		return
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "query", 0)
	line.AddAttrs(
		slog.String("client", q.Client.Addr().String()),
		slog.String("name", q.Question.Name.Text()),
		slog.String("type", dns.Type(q.Question.Type).String()),
		slog.String("outcome", answer.Outcome.String()),
		slog.String("rcode", dns.RcodeToString[answer.Rcode()]),
		slog.Duration("took", took),
	)
	if len(answer.Errors) > 0 {
		line.AddAttrs(slog.String("why", answer.Errors[0].Text)) // with the hop that was blocked
	}
	select {
	case a.queries.lines <- line:
	default:
		a.queries.dropped.Add(1)
	}
}
