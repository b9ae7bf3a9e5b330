package broker

import (
	"pairmq/internal/remoting"
	"pairmq/store"
)

// subscriptionData is one topic's subscription as heartbeats carry it. Tags and
// codes follow from the expression; a client's own are not believed.
type subscriptionData struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	CodeSet         codeSet  `json:"codeSet"`
	ExpressionType  string   `json:"expressionType"`
	SubString       string   `json:"subString"`
	SubVersion      int64    `json:"subVersion"` // newer replaces older; ms from Java, ns from Go
	TagsSet         []string `json:"tagsSet"`
	Topic           string   `json:"topic"`
}

// A codeSet holds hashes of tags. It is written as numbers, as Java does, and
// not read at all: rocketmq-client-go sends texts, and hashes bytes where Java
// hashes UTF-16 units.
type codeSet []int32

// UnmarshalJSON takes anything and keeps nothing.
func (c *codeSet) UnmarshalJSON([]byte) error {
	*c = nil
	return nil
}

// A subscription is what a group wants of one topic.
type subscription struct {
	data   subscriptionData
	filter store.Filter
	broken error // why it cannot be pulled by
}

func newSubscription(d *subscriptionData) *subscription {
	s := &subscription{data: *d}
	s.data.TagsSet, s.data.CodeSet = []string{}, codeSet{}
	if !byTag(d.ExpressionType) {
		s.broken = errExpressionType(d.ExpressionType)
		return s
	}
	s.data.ExpressionType = "TAG"
	tags, err := parseTags(d.SubString)
	if err != nil {
		s.broken = err
		return s
	}
	s.filter = filterOf(tags)
	if f, ok := s.filter.(tagFilter); ok {
		s.data.TagsSet, s.data.CodeSet = tags, codeSet(f)
	}
	return s
}

// checkClientConfig serves CHECK_CLIENT_CONFIG, 46, by which a consumer asks
// before it starts whether its expression type is understood.
func (b *Broker) checkClientConfig(req *remoting.Request) error {
	var body struct {
		Subscription *subscriptionData `json:"subscriptionData"`
	}
	if err := decodeJSON(req.Body, &body); err != nil {
		return err
	}
	if body.Subscription != nil {
		if err := newSubscription(body.Subscription).broken; err != nil {
			return err
		}
	}
	replyDone(req)
	return nil
}
