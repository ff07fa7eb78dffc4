// Package localnames knows the names that are answered without asking anybody:
// records and hosts files of the user's own (Names), special-use names that must
// not leave (SpecialUse), and the names by which browsers and phones ask whether
// they may bypass the resolver (Canary).
//
// It is data only. A resolver asks it and builds the answer.
//
// A name that has local records is answered from them for every type: a type
// that it lacks is NODATA. Names that have none are not touched, not even those
// above or below a local name: what else is in that domain is asked elsewhere.
package localnames
