// Package auth has the users of RocketMQ 5.x (its ACL 2.0) and the policies that say what each may do, as
// values: how requests and a file write them, what may be said, and which entry decides.
//
// It knows no request, no signature and no file: package acl does. Rules: RocketMQ 5.4.0, module auth. What
// that takes silently for something else, or decides by the order in which things were said, is refused here: see
// docs/compatibility.md.
package auth

import "fmt"

// Refused is why something may not be said of users and policies. The text is for who has said it, and has no
// password; it is RocketMQ's where that has one.
type Refused struct{ why string }

// Refuse returns a *Refused. Many places call it.
//
//go:noinline
func Refuse(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

func (r *Refused) Error() string { return r.why }
