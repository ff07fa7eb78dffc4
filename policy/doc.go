// Package policy decides what happens to a name that a client asks for: which
// client group the client is in, whether the group's lists block the name, and
// why.
//
// A Policy is immutable and safe for concurrent use; a change of lists or groups
// makes a new one. It looks at questions and at the names that answers lead to.
// It builds no answers: how a block looks is the group's BlockMode, which the
// resolver carries out.
package policy
