//go:build !amd64

package main

import "time"

// ticks counts nanoseconds: machines are emulated on amd64 alone.
func ticks() int64 { return time.Now().UnixNano() }
