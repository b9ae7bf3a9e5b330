// Package folder looks at what a store left on a disk, without opening the store: a
// folder whose daemon does not run, or a copy of one from a device that died, which
// may have lost anything.
//
// It reads the commit log record by record, however damaged: it says what is wrong
// where, and goes on behind it. It holds what it found against itself (queue offsets
// have no gaps) and against the index, where there is one. A [Log] need not be files:
// a running broker checks its own with the same walk.
//
// Nothing is ever written, no file is made, no lock is kept. It takes one window of
// the log in memory, 1 MiB or one record, and some bytes for each queue, however
// long the log is. What is to be done about what was found is not here: package store
// recovers and mends, and the command line sends messages once more.
//
// Formats are those of packages record, commitlog and index.
package folder
