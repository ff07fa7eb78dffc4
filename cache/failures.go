package cache

// ForgetFailures removes the failures of an upstream group, because its servers
// can be reached again. Those younger than MinFailureTTL stay until they are that
// old (RFC 9520 section 3.2).
func (c *Messages) ForgetFailures(group string) {
	now := c.now()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		failures := s.lru[Failure].lru
		for _, k := range failures.Keys() {
			if k.Group != group {
				continue
			}
			e, _ := failures.Peek(k)
			if end := e.born.Add(MinFailureTTL); now.Before(end) {
				e.expires, e.streak = end, 0
			} else {
				failures.Remove(k)
			}
		}
		s.mu.Unlock()
	}
}
