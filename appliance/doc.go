// Package appliance puts tundns together: it turns a configuration into lists,
// policy, upstreams, resolver, filter, tunnel and metrics, starts them in the
// order that leaves nothing behind when one fails, reloads them in one step, and
// closes them. It is the only package that knows all the others.
package appliance
