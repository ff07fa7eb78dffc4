package resolver

// pipeline is the way of a query, outermost stage first. Each line says why the
// stage stands where it does.
func (r *Resolver) pipeline() Handler {
	return chain(HandlerFunc(r.forward), // asks the upstream group of the name; all that could be answered here has been
		r.observe,   // first, so that it counts and times every answer, and catches every panic below
		validate,    // nothing below sees a class or type that we do not resolve
		why,         // above all that it explains; it asks the stages below without policy
		follow,      // above local names and policy, which both send queries on to other names
		r.local,     // our own names are nobody else's to block, cache or forward
		names,       // the user's own names and special-use ones: no rule blocks them, no upstream hears of them
		enforce,     // above the cache, so that a new policy holds at once for cached names too
		r.fromCache, // below policy, which must judge cached answers as well; stale answers come from here
		r.coalesce,  // only what the cache lacks; identical questions in flight become one
		r.keep,      // inside the shared flight, so that an answer nobody waits for any more is kept too
	)
}
