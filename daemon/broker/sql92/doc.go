// Package sql92 is RocketMQ's filter language: expressions over the properties
// of a message, such as
//
//	a > 5 AND region = 'EU' OR b IS NULL
//
// Compile checks an expression and makes it ready; Evaluate gives its verdict
// on the properties of one record, read where they are stored, without an
// allocation. The package knows nothing of brokers, topics or stores.
//
// The language, and each of its verdicts, is that of RocketMQ 5.4.0's module
// filter (SelectorParser.jj and package expression), oddities included, since
// expressions that work there have to mean the same here:
//
//   - Properties are texts. A comparison converts one to the kind of the other
//     side as Java does: a > 5 wants a text that Integer.valueOf reads, and
//     one that it does not, such as 5.5, fails the whole expression. Two
//     properties are ordered as doubles, and equal as texts.
//   - A missing property is null, and what is made of it mostly Unknown; but
//     a = b is true if both are missing, and false if only b is.
//   - NOT binds tighter than a comparison: NOT a = 5 asks whether NOT a is 5.
//   - What follows a complete expression is not looked at.
//
// 4.9.7 is the same without CONTAINS, STARTSWITH and ENDSWITH, which are names
// of properties there.
package sql92
