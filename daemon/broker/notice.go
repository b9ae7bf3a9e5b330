package broker

import (
	"context"
	"slices"
	"sync"

	"pairmq/internal/remoting"
)

// notices is the consumer groups whose members are to hear of a change. Changes
// that come at once, such as many clients after a restart, make one notice.
type notices struct {
	wake chan struct{}

	mu     sync.Mutex // guards groups
	groups map[string]struct{}
}

func newNotices() *notices {
	return &notices{wake: make(chan struct{}, 1), groups: map[string]struct{}{}}
}

func (n *notices) add(groups []string) {
	if len(groups) == 0 {
		return
	}
	n.mu.Lock()
	for _, g := range groups {
		n.groups[g] = struct{}{}
	}
	n.mu.Unlock()
	signal(n.wake)
}

// take returns the groups to be told, sorted.
func (n *notices) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]string, 0, len(n.groups))
	for g := range n.groups {
		all = append(all, g)
	}
	clear(n.groups)
	slices.Sort(all)
	return all
}

// sendNotices tells consumers of changes in their group until ctx ends: each
// gets NOTIFY_CONSUMER_IDS_CHANGED, 40, the one that has joined too.
func (b *Broker) sendNotices(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.notices.wake:
		}
		for _, group := range b.notices.take() {
			if g, ok := b.store.Group(group); b.settings().NoNotifyConsumers || ok && !g.NotifyConsumerIDsChangedEnable {
				continue
			}
			for _, conn := range b.clients.consumerConns(group) {
				// One that cannot be told rebalances within 20 s by itself.
				_ = conn.Oneway(&remoting.Command{
					Code: remoting.ReqNotifyConsumerIdsChanged, Language: remoting.Go, Version: remoting.Version,
					Fields: remoting.Fields{{Key: "consumerGroup", Value: group}},
				})
			}
		}
	}
}
