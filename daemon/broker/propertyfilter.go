package broker

import (
	"strings"
	"sync"

	"pairmq/daemon/broker/sql92"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A propertyFilter passes the records for which an SQL92 expression is true.
type propertyFilter struct{ expression *sql92.Expression }

// Match passes all: tags are properties like others.
func (propertyFilter) Match(int64) bool { return true }

// MatchProperties says whether the expression is true.
func (f propertyFilter) MatchProperties(properties []byte) bool {
	return f.expression.Evaluate(properties) == sql92.True
}

// A retryFilter passes of a group's retry topic what the group's subscription to
// the topic that a message comes from passes, whatever expression the retry topic
// was subscribed with. As RocketMQ's ExpressionForRetryMessageFilter.
type retryFilter struct {
	clients *clients
	group   string
}

// propertyRetryTopic is the property that names the topic a message was sent to first.
const propertyRetryTopic = "RETRY_TOPIC"

// Match passes all.
func (retryFilter) Match(int64) bool { return true }

// MatchProperties says whether the message was wanted when it came first.
func (f retryFilter) MatchProperties(properties []byte) bool {
	origin, ok := record.PropertyOf(properties, propertyRetryTopic)
	if !ok {
		return true
	}
	first, ok := f.clients.subscribed(f.group, string(origin)).(propertyFilter)
	return !ok || first.MatchProperties(properties)
}

// propertyFilter returns the filter of a group that subscribes to topic by an
// expression.
func (c *clients) propertyFilter(group, topic string, e *sql92.Expression) store.Filter {
	if origin, ok := strings.CutPrefix(topic, table.RetryPrefix); ok {
		return retryFilter{c, strings.Clone(origin)}
	}
	return propertyFilter{e}
}

// subscribed returns the filter of a group's subscription to topic, nil if there is
// none that can be pulled by.
func (c *clients) subscribed(group, topic string) store.Filter {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.consumers[group]; g != nil {
		if s := g.subscriptions[topic]; s != nil && s.broken == nil {
			return s.filter
		}
	}
	return nil
}

// filterBy returns the filter of a subscription that a request brings along.
func (b *Broker) filterBy(group, topic, expressionType, expression string) (store.Filter, error) {
	if byTag(expressionType) {
		tags, err := parseTags(expression)
		if err != nil {
			return nil, err
		}
		return filterOf(tags), nil
	}
	e, err := b.clients.expressions.compile(expressionType, expression)
	if err != nil {
		return nil, err
	}
	return b.clients.propertyFilter(group, topic, e), nil
}

// Bounds of a generation of compiled expressions: how many, and how long they are
// together in bytes. One takes about ten times its length.
const (
	maxExpressions     = 64
	maxExpressionBytes = 64 << 10
)

// expressions compiles SQL92 expressions and keeps the latest ones: a pull brings
// its own along, each time, and the members of a group have the same.
type expressions struct {
	enabled func() bool // enablePropertyFilter

	mu       sync.Mutex                   // guards the rest
	now, old map[string]*sql92.Expression // what was not used for a generation is dropped
	bytes    int                          // of the texts in now
}

func newExpressions(enabled func() bool) *expressions {
	return &expressions{enabled: enabled, now: map[string]*sql92.Expression{}}
}

// compile returns the expression in text. It refuses with RocketMQ's codes.
func (x *expressions) compile(expressionType, text string) (*sql92.Expression, error) {
	switch {
	case !x.enabled(): // a remark that clients know
		return nil, refuse(remoting.RespSystemError, "The broker does not support consumer to filter message by %.20s", expressionType)
	case expressionType != "SQL92":
		return nil, refuse(remoting.RespSubscriptionParseFailed, "%.20q is no type of expression: there are TAG and SQL92", expressionType)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.now[text]; e != nil {
		return e, nil
	}
	e := x.old[text]
	if e == nil {
		var err error
		if e, err = sql92.Compile(text); err != nil {
			return nil, refuse(remoting.RespSubscriptionParseFailed, "%v", err)
		}
	}
	if len(x.now) >= maxExpressions || x.bytes+len(text) > maxExpressionBytes {
		x.now, x.old, x.bytes = map[string]*sql92.Expression{}, x.now, 0
	}
	x.now[strings.Clone(text)] = e
	x.bytes += len(text)
	return e, nil
}
