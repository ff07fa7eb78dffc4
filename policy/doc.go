// Package policy decides what happens to a name that a client asks for: which
// client group the client is in, what the group's lists, schedules, safe search
// and blocked types say about the question, and why.
//
// Of what could decide on a question the first of these does:
//
//   - a pause or a schedule during which nothing is blocked
//   - the rules of the group's lists that block or rewrite the name
//   - a blocked query type, which no rule lifts
//   - a rule that allows the name
//   - a schedule during which every other name is blocked
//   - safe search
//
// Answers are judged as well: the names and addresses that they lead to by the
// same lists, and their addresses by the rebinding protection.
//
// A Policy is safe for concurrent use; a change of lists or groups makes a new
// one. It builds no answers: how a verdict looks is for the resolver to carry
// out.
package policy
