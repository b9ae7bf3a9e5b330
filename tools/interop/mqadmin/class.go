package mqadmin

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
	case c.NotHere != "":
		return NotHere
	case c.Refused != "" && Complains(pairmq):
		return Refused
	case apache == pairmq:
		return Same
	case Complains(pairmq) && !Complains(apache), pairmq == "" && apache != "":
		return Fails
	}
	return Differs
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
