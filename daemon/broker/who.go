package broker

import (
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// What the header of a request names has been looked at before the broker gets it. What
// only the body tells, or a message, is looked at where it is read, by these. They let
// everybody through where there are no accounts.

// mayTopic fails with acl.ErrDenied unless who made req may use topic so.
func mayTopic(req *remoting.Request, topic string, p acl.Perm) error {
	if id, ok := req.Who.(*acl.Identity); ok {
		return id.Topic(topic, p)
	}
	return nil
}

// mayMessage is mayTopic for a message that req names by its place in the log: the topic is not told.
func mayMessage(req *remoting.Request, topic string, p acl.Perm) error {
	if id, ok := req.Who.(*acl.Identity); ok {
		return id.Message(topic, p)
	}
	return nil
}

// outdated says whether the accounts have changed since req was let through: what it has been
// held for may not be its maker's any more. They ask again if it is.
func (b *Broker) outdated(req *remoting.Request) bool {
	id, ok := req.Who.(*acl.Identity)
	return ok && !b.knows(id)
}

func (b *Broker) knows(id *acl.Identity) bool {
	return b.opts.Accounts == nil || b.opts.Accounts.Rules().Knows(id)
}

// maySend says of those whose heartbeats have shown who they are whether they may send to topic. Once the
// accounts have changed it is their next heartbeat that shows it again.
func (b *Broker) maySend(topic string) func(*acl.Identity) bool {
	return func(id *acl.Identity) bool { return b.knows(id) && id.Topic(topic, acl.Pub) == nil }
}

// mayGroup fails with acl.ErrDenied unless who made req may consume in group.
func mayGroup(req *remoting.Request, group string) error {
	if id, ok := req.Who.(*acl.Identity); ok {
		return id.Group(group, acl.Sub)
	}
	return nil
}

// mayConsume is mayGroup and mayTopic.
func mayConsume(req *remoting.Request, group, topic string) error {
	if err := mayGroup(req, group); err != nil {
		return err
	}
	return mayTopic(req, topic, acl.Sub)
}

// mayHaveConsumed is mayConsume of a topic of which the name may be that of its retries.
func mayHaveConsumed(req *remoting.Request, group, topic string) error {
	if id, ok := req.Who.(*acl.Identity); ok {
		return id.Popped(topic, group)
	}
	return nil
}
