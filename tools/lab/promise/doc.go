// Package promise remembers what a broker promised its clients, and judges
// whether what is found after a power cut keeps it.
//
// A Ledger is told what clients were answered and given, in the order in which
// they learned it. A Reading is what the broker has afterwards. The rules are
// words: lost, moved, foreign, refused, twice, gap, changed, order, offset,
// topic. Nothing in here knows how power was cut, or talks to a broker.
package promise
