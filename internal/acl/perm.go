package acl

import (
	"strings"

	"pairmq/internal/auth"
)

// A Perm is what an account may do with a topic or with a group; 0 is nothing. Of what a
// request wants any is enough. Accounts of 4.x have permissions to send and to consume; users of 5.x have actions.
type Perm uint16

const (
	pub4 Perm = 1 << iota
	sub4
	get
	pub5
	sub5
	update
)

// What requests want, as 4.9.7 and 5.4.0 ask for it.
const (
	Pub  = pub4 | pub5          // send to it
	Sub  = sub4 | sub5          // consume from it, or in it
	Seek = pub4 | sub4 | get    // learn a topic's offsets
	Find = sub4 | sub5 | get    // find messages, or how far a group is
	Look = sub4 | get           // see a message by its place, or what waits
	Move = sub4 | sub5 | update // say how far a group is
)

// actions are those of p.
func (p Perm) actions() (a auth.Action) {
	if p&get != 0 {
		a = auth.Get
	}
	if p&pub5 != 0 {
		a |= auth.Pub
	}
	if p&sub5 != 0 {
		a |= auth.Sub
	}
	if p&update != 0 {
		a |= auth.Update
	}
	return a
}

// parsePerm reads a permission as RocketMQ writes it. It has no word for all: who may send
// and consume has PUB|SUB.
func parsePerm(s string) (p Perm, ok bool) {
	switch strings.TrimSpace(s) {
	case "DENY":
		return 0, true
	case "PUB":
		return pub4, true
	case "SUB":
		return sub4, true
	case "PUB|SUB", "SUB|PUB":
		return pub4 | sub4, true
	}
	return 0, false
}
