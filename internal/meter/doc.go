// Package meter counts what happens on the paths of messages: durations in
// histograms, and events by two small numbers.
//
// To count costs some nanoseconds, takes no lock and allocates nothing, so that it
// may be done wherever a message goes. What was counted is shown by others; the
// package knows no names, no labels and no format.
package meter
