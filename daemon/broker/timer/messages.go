package timer

import (
	"log/slog"

	"pairmq/internal/warner"
)

// sayAtOnce is how many lines of one kind are logged at once that each tell of one
// message; then it is one a second: who sends timed messages could fill the log.
const sayAtOnce = 100

// messages are the lines that tell of one message each.
type messages struct {
	bad   *warner.Warner // it is not delivered
	lost  *warner.Warner // it is lost with its segment
	early *warner.Warner // it was given back before it was due
	later *warner.Warner // it waits longer
}

func newMessages(log *slog.Logger) messages {
	of := func() *warner.Warner { return &warner.Warner{To: log, Level: slog.LevelError, Burst: sayAtOnce} }
	return messages{bad: of(), lost: of(), early: of(), later: of()}
}
