package agents

import (
	"context"

	"pairmq/tools/interop/target"
)

// Limits is where a client tries what a broker allows, and what it does not.
type Limits struct {
	Group, Topic string // with which anything may be done
	ReadOnly     string // topic of permission 4, with a message in queue 0
	WriteOnly    string // topic of permission 2
	Forbidden    string // group that may not consume
	MaxBody      int    // bytes
	Longest      string // topic whose name is as long as may be; "": none is tried
	LongestGroup string // likewise
}

// Tries has a client do what a broker allows and what it does not, and returns how each was
// answered: the status, "code " and that of the broker, or "failed: " and why.
func (a *Agent) Tries(ctx context.Context, l Limits) (map[string]string, error) {
	s, err := a.command(ctx, "tries", "group", l.Group, "topic", l.Topic, "broker", target.BrokerName, "readonly", l.ReadOnly,
		"writeonly", l.WriteOnly, "forbidden", l.Forbidden, "max", l.MaxBody, "longest", l.Longest, "longestgroup", l.LongestGroup)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := map[string]string{}
	for asked, answer := range s.found {
		answers[asked.What] = answer
	}
	return answers, nil
}
