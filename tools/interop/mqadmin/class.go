package mqadmin

import (
	"fmt"
	"slices"
	"strings"
)

// A Class is how pairmq's answer stands to Apache's.
type Class string

// The classes.
const (
	Same    Class = "same"
	Differs Class = "differs" // and works, or fails with both
	Fails   Class = "fails"   // works with Apache alone
	Refused Class = "refused on purpose"
	NotHere Class = "does not apply"
)

// Works says whether the command does its work with pairmq.
func (c Class) Works() bool { return c == Same || c == Differs }

// Classify compares two normalised answers.
func (c Command) Classify(apache, pairmq string) Class {
	switch {
	case c.NotHere != "" && (c.NoServer || Complains(apache)):
		return NotHere
	case c.Refused != "" && Complains(pairmq):
		return Refused
	case apache == pairmq:
		return Same
	case Complains(pairmq) && !Complains(apache), failed(pairmq) && !failed(apache), pairmq == "" && apache != "":
		return Fails
	}
	return Differs
}

// failed says whether the output begins with a complaint: the command came to nothing. Apache's answer may hold one
// as part of what it found.
func failed(out string) bool {
	first, _, _ := strings.Cut(out, "\n")
	return Complains(first)
}

// Broken says what is wrong with pairmq's answer now, when was is what was recorded and what the page shows; "" if it
// is the same still.
func (c Command) Broken(was Answer, now string) string {
	before, class := c.Classify(was.Apache, was.Pairmq), c.Classify(was.Apache, now)
	switch {
	case before != class:
		return fmt.Sprintf("%q was recorded, and is %q now:\n%s\nwhere Apache says\n%s", before, class, now, was.Apache)
	case class != Same && !c.Stays(was.Pairmq, now): // another difference than the page gives a reason for
		return "this is another answer than was recorded:\n" + changes(was.Pairmq, now)
	}
	return ""
}

// changes are the lines that one answer has and the other has not, what was there before with a "-".
func changes(was, now string) string {
	var b strings.Builder
	for _, one := range []struct{ sign, has, not string }{{"-", was, now}, {"+", now, was}} {
		not := map[string]int{}
		for l := range strings.Lines(one.not) {
			not[strings.TrimSpace(l)]++
		}
		for l := range strings.Lines(one.has) {
			if l = strings.TrimSpace(l); not[l] == 0 {
				fmt.Fprintf(&b, "%s %s\n", one.sign, l)
			} else {
				not[l]--
			}
		}
	}
	if b.Len() == 0 {
		return "the same lines in another order:\n" + now
	}
	return b.String()
}

// Stays says whether pairmq's answer is what was recorded: the same text or, where c.Keys, the same keys, each with
// a value if it had one. What Moves names may be there or not.
func (c Command) Stays(was, now string) bool {
	if !c.Keys {
		return was == now
	}
	return slices.Equal(c.keys(was), c.keys(now))
}

// keys are the keys of lines such as "key : value", with a mark if the value is empty; a line that is none stands for
// itself.
func (c Command) keys(out string) (all []string) {
	for l := range strings.Lines(out) {
		key, value, found := strings.Cut(strings.TrimSpace(l), ":")
		key = strings.TrimSpace(key)
		if slices.ContainsFunc(c.Moves, func(p string) bool { return strings.HasPrefix(key, p) }) {
			continue
		}
		if found && strings.TrimSpace(value) == "" {
			key += " (nothing)"
		}
		all = append(all, key)
	}
	return all
}

// Reason is why pairmq does not answer as Apache does; a row needs one.
func (c Command) Reason(class Class) string {
	switch class {
	case NotHere:
		return "pairmq has no part for it: " + c.NotHere
	case Refused:
		return c.Refused
	case Same:
		return ""
	}
	return c.Why
}
