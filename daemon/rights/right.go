// Package rights says what each request asks for, and who may ask it.
//
// The table has a row for every request code there is; a code without one is
// refused before anybody looks at it. A Gate stands before what serves requests.
package rights

// A Right is what a request needs.
type Right uint8

const (
	Nobody   Right = iota // no server answers it
	Client                // producers and consumers ask it in their normal work, and stay within topics and groups
	Register              // brokers ask it to be known: of a name server, or of the other half
	Pair                  // the other broker of a pair asks it, of Apache's too; administrators may as well
	Read                  // it tells what operators look at, and changes nothing
	Admin                 // it changes what is not its sender's own, or asks the clients of others
)

// String returns the name that documents and refusals use.
func (r Right) String() string {
	switch r {
	case Client:
		return "client"
	case Register:
		return "register"
	case Pair:
		return "pair"
	case Read:
		return "read"
	case Admin:
		return "admin"
	}
	return "nobody"
}

// A Row is what is known of a request code.
type Row struct {
	Code  int32
	Right Right
	// The header fields, under the names that clients send, that say which topic and which
	// group a request of clients is about. Both are empty where the body says it, or where
	// it is about none.
	Topic, Group string
	Names        bool // name servers serve it, and brokers do not
	// Half is set of what only the other half has a use for: with it who asks is taken for one, or has the
	// log as it lies on the disk. Administrators have not the right to that.
	Half bool
}
