// Package machine has the daemon act on what its machine tells: it samples the
// board now and then, keeps what it found as a Snapshot, and does what the
// configuration asks for when the flash wears, the power fails, the clock jumps
// or the board is too warm.
//
// What a file of the kernel means is hal/board's; what a store or a broker does
// when the power fails is theirs. This package decides when. Boards differ, so
// that anything may be absent: it is logged once and lived with. Nothing here
// writes to the disk but the diary of its wear, which Host keeps; see diary.
package machine
