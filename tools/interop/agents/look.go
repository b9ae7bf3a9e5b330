package agents

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// How a client looks for messages, and for offsets.
const (
	ByID        = "ids"     // that names a broker and a place in its log
	ByKey       = "keys"    // all that have it
	ByUniqueKey = "uniques" // the client's own id
	ByTime      = "times"   // QUEUE/MILLISECONDS
)

// An Asked is one look.
type Asked struct{ How, What string }

// Look has a client that begins then look for all of these, and returns what it was
// answered: messages as text, offsets, or "failed: " and why. Java alone has it.
func (a *Agent) Look(ctx context.Context, topic, broker string, all []Asked) (map[Asked]string, error) {
	pairs := []any{"group", "Looks", "topic", topic, "broker", broker}
	for _, how := range []string{ByID, ByKey, ByUniqueKey, ByTime} {
		var what []string
		for _, one := range all {
			if one.How == how {
				what = append(what, one.What)
			}
		}
		pairs = append(pairs, how, strings.Join(slices.Compact(what), ","))
	}
	s, err := a.command(ctx, "look", pairs...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.found), nil
}
