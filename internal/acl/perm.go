package acl

import "strings"

// A Perm is what an account may do with a topic or with a group; 0 is nothing.
type Perm uint8

const (
	Pub Perm = 1 << iota // send to it
	Sub                  // consume from it, or in it
)

// parsePerm reads a permission as RocketMQ writes it. It has no word for all: who may send
// and consume has PUB|SUB.
func parsePerm(s string) (p Perm, ok bool) {
	switch strings.TrimSpace(s) {
	case "DENY":
		return 0, true
	case "PUB":
		return Pub, true
	case "SUB":
		return Sub, true
	case "PUB|SUB", "SUB|PUB":
		return Pub | Sub, true
	}
	return 0, false
}
