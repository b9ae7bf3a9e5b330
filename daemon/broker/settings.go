package broker

import (
	"cmp"
	"time"

	"pairmq/store/table"
)

// Settings is what of Options may change while a Broker serves; see Broker.Set.
type Settings struct {
	Perm              int32         // brokerPermission, table.Perm bits; 0 means read and write
	MaxMessageSize    int           // bytes of one send's body; 0 means 4 MiB
	NoAutoCreateTopic bool          // autoCreateTopicEnable=false
	NoAutoCreateGroup bool          // autoCreateSubscriptionGroup=false
	NoPropertyFilter  bool          // enablePropertyFilter=false: nobody filters by SQL92
	NoNotifyConsumers bool          // notifyConsumerIdsChangedEnable=false
	NoKeepReplies     bool          // storeReplyMessageEnable=false
	NoTransactions    bool          // rejectTransactionMessage
	MaxHold           time.Duration // longest hold of a pull; 0 means 25 s, below the 30 s after which clients give up
}

func (s *Settings) fill() {
	s.Perm = cmp.Or(s.Perm, table.PermRead|table.PermWrite)
	s.MaxMessageSize = cmp.Or(s.MaxMessageSize, 4<<20)
	s.MaxHold = cmp.Or(s.MaxHold, 25*time.Second)
}

// settings are those that count now. Who looks at several takes them once.
func (b *Broker) settings() *Settings { return b.set.Load() }

// Set has the broker go by other settings from now on. It makes or deletes the template
// topic of a master first, durably, and if it fails the broker goes by the old settings. What is
// under way, pulls that are held and subscriptions that are known go by the old ones.
func (b *Broker) Set(s Settings) error {
	s.fill()
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.makesTopics && s.NoAutoCreateTopic != b.settings().NoAutoCreateTopic {
		if err := b.makeSystemTopics(&s); err != nil {
			return err
		}
		b.opts.Registrar.Notify()
	}
	b.set.Store(&s)
	return nil
}
