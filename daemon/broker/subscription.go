package broker

import (
	"fmt"
	"strings"

	"pairmq/daemon/broker/sql92"
	"pairmq/internal/acl"
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

	tooLong error // of SubString, which is the beginning alone then
}

// shorten keeps the beginning alone of an expression that is too long to be one. As with any
// that is wrong, the group's pulls say so, and its other topics are consumed.
func (d *subscriptionData) shorten() {
	if n := len(d.SubString); n > sql92.MaxLength && !byTag(d.ExpressionType) {
		d.tooLong = fmt.Errorf("%w: it has %d bytes, at most %d are allowed", sql92.ErrExpression, n, sql92.MaxLength)
		d.SubString = strings.Clone(d.SubString[:shownExpression])
	}
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

// byProperty says whether the subscription has an expression that can be
// evaluated.
func (s *subscription) byProperty() bool {
	_, ok := s.filter.(store.PropertyFilter)
	return ok && s.broken == nil
}

// newSubscription takes over what a heartbeat of group says; old is what the
// group subscribed to so far, or nil.
func (c *clients) newSubscription(group string, d *subscriptionData, old *subscription) *subscription {
	s := &subscription{data: *d}
	s.data.TagsSet, s.data.CodeSet = []string{}, codeSet{}
	if !byTag(d.ExpressionType) {
		expression, err := c.expressions.compile(d.ExpressionType, d.SubString)
		if d.tooLong != nil && c.expressions.enabled() {
			err = d.tooLong
		}
		switch {
		case err == nil:
			s.filter = c.propertyFilter(group, d.Topic, expression)
		case !c.expressions.enabled():
			s.broken = err
		case old != nil && old.byProperty(): // RocketMQ has kept the older one, and says so
			s.broken = refuse(remoting.RespFilterDataNotLatest, "the newest SQL92 expression of group %s for topic %s is wrong: %v", group, d.Topic, err)
		default:
			s.broken = refuse(remoting.RespFilterDataNotExist, "the SQL92 expression of group %s for topic %s is wrong: %v", group, d.Topic, err)
		}
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
		Group        string            `json:"group"`
		Subscription *subscriptionData `json:"subscriptionData"`
	}
	if len(req.Body) > maxJSONBody { // the expression is what can be so long
		return refuse(remoting.RespSubscriptionParseFailed, "the body has %d bytes, at most %d are read", len(req.Body), maxJSONBody)
	}
	if err := b.decodeJSON(req.Body, &body); err != nil {
		return err
	}
	if err := mayGroup(req, body.Group); err != nil {
		return err
	}
	if body.Subscription != nil {
		if err := mayTopic(req, body.Subscription.Topic, acl.Sub); err != nil {
			return err
		}
		if _, err := b.filterBy("", body.Subscription.Topic, body.Subscription.ExpressionType, body.Subscription.SubString); err != nil {
			return err
		}
	}
	replyDone(req)
	return nil
}

// cost is what a subscription counts for in clients.cost: a compiled expression
// takes more than tags.
func (d *subscriptionData) cost() int {
	if byTag(d.ExpressionType) {
		return 1 + len(d.SubString)/32
	}
	return 1 + len(d.SubString)/8
}
