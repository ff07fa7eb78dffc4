package download

import "log/slog"

// announce says what a start has to serve with.
func (r *Refresher) announce() {
	var missing, former []string
	r.mu.Lock()
	for _, e := range r.entries {
		switch m := e.serving(); {
		case m == nil:
			missing = append(missing, e.list.Name)
		case m != e.copy:
			former = append(former, e.list.Name)
		}
	}
	r.mu.Unlock()
	if len(former) > 0 {
		r.log.Info("lists have other URLs now; the copies from those before stay in use until they are fetched", "lists", former)
	}
	switch copies := len(r.entries) - len(missing); {
	case len(missing) > 0:
		r.log.Warn("lists are missing until they are fetched", "lists", missing, "copies of others", copies)
	case copies > len(former):
		r.log.Info("starting with the last good copies of lists", "copies", copies)
	}
}

// tell logs the end of a fetch. Without network each list says so once, what is
// refused every time: it needs somebody to look at it.
func (r *Refresher) tell(l *List, before, after state, changed bool) {
	log := r.log.With("list", l.Name)
	switch {
	case after.err == nil && changed:
		log.Info("list fetched", "rules", after.copy.Rules, "bytes", after.copy.Bytes, "rules before", before.rules())
	case after.err == nil && before.err != nil:
		log.Info("list is up to date again", "failures", before.failures)
	case after.err == nil:
		log.Debug("list is up to date")
	default:
		level, what := slog.LevelWarn, "the last good copy of a list stays in use"
		if after.err.Reason == Network && before.err != nil && before.err.Reason == Network {
			level = slog.LevelDebug
		}
		args := []any{"reason", after.err.Reason, "error", after.err.Err, "next", after.due}
		m := after.serving()
		if m == nil {
			what = "a list is missing until it is fetched"
		} else {
			args = append(args, "checked", m.Checked)
		}
		if after.copy == nil && after.former != nil {
			what = "the copy of a list from another URL stays in use"
		}
		log.Log(r.ctx, level, what, args...)
	}
}
