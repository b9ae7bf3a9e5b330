// Package mqadmin is the list of mqadmin's commands, with arguments that do something on a small broker with known
// data, and what becomes of their output: what differs by nature is masked, the rest is compared, and the comparison
// is a table of docs/mqadmin.md. It runs nothing; the tests do.
package mqadmin

import (
	"slices"
	"strings"

	"pairmq/tools/interop/peers"
)

// A Command is one of mqadmin's commands as it is tried. The list is a script: later ones see what earlier ones did.
type Command struct {
	Name string
	Args string // after the name; see Places
	Only string // the one version that has it, or has it with these arguments; empty: both

	Seconds int    // how long it may take, for one that does not end by itself; 0: until it ends, 60 at most
	Settled bool   // it is run once Group has consumed and committed all of Topic, of which a client of 4.9.7 keeps off for some time after a reset
	File    string // that it writes to {dir}: JSON, which is compared too, behind what is printed
	Logs    string // marks lines of its log that are what it has to say, up to the one that has
	LogsEnd string

	Numbers bool     // all numbers differ by nature: only the words are compared
	Places  bool     // numbers but 0 are places in a log that other commands have written to for as long as they ran
	Hide    string   // what else differs by nature: an expression
	Sort    bool     // the lines have no order
	Keys    bool     // the lines are keys with values that are never twice the same: a later run has to have the keys; see Stays
	Moves   []string // beginnings of those keys that depend on the machine and the moment

	Why     string // the reason of a difference
	Refused string // it is refused on purpose, with this reason
	NotHere string // it is about a part of RocketMQ that pairmq does not have, which is this, and Apache complains too

	NoServer bool // and would, if it had that part: it looks at files, which nobody has
}

// Places are what {words} in Command.Args stand for.
type Places map[string]string

// Line is the command with its arguments in place.
func (c Command) Line(p Places) []string {
	words := strings.Fields(c.Args)
	for i, w := range words {
		for place, value := range p {
			w = strings.ReplaceAll(w, "{"+place+"}", value)
		}
		words[i] = w
	}
	return append([]string{c.Name}, words...)
}

// Of are the commands of a version.
func Of(version string) []Command {
	return slices.DeleteFunc(commands(), func(c Command) bool { return c.Only != "" && c.Only != version })
}

// Names of what the tests put in the broker before the first command.
const (
	Topic     = "AdminData"
	Queues    = 4
	Each      = 5                // messages in each queue; each has the key "key" and its number, the tag "red", and a body of text
	Group     = "AdminConsumers" // a push consumer in Java of the version, online, with all of it consumed
	Producers = "AdminProducers" // a producer group that is online
)

const v4, v5 = peers.V4, peers.V5
