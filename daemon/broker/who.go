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
