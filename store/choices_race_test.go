//go:build race

package store_test

// choices is in how many ways one power cut can end that are looked at: few, since
// the race detector takes ten times as long and looks for something else.
const choices = 2
