// Package check judges what was done to a pair of brokers, and what became of
// the messages: it compares the history of a run with both logs at its end.
//
// It knows what each mode promises, and nothing of how the run was made. The
// rules are numbered as their violations are: C1 what was promised is there, C2
// nothing else is, C3 logs are sound, C4 both are the same, C5 an offset means one
// message for everybody, C6 consumers miss nothing, C7 what was delivered
// stays, C8 duplicates have a cause, C9 order is kept, C10 the pair recovers.
package check
