package main

// ticks reads the processor's counter.
func ticks() int64
