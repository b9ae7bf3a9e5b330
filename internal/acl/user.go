package acl

import (
	"net/netip"
	"strings"

	"pairmq/internal/auth"
)

// A user is one of 5.x, of Rules.
type user struct {
	signer *signer
	*auth.User
}

// identity is what a user is who has signed a request, from an address. That it is disabled is told to who
// knows its password alone.
func (u *user) identity(from netip.Addr) (*Identity, error) {
	if u.Disabled() {
		return nil, denyUser("User:%s is disabled.", u.Name)
	}
	super := u.Super()
	return &Identity{name: u.Name, admin: super, all: super, user: u, from: from.Unmap().WithZone("")}, nil
}

func (id *Identity) judge(k auth.Kind, name string, p Perm) (v auth.Verdict, exact bool) {
	return id.user.Judge(k, name, p.actions(), id.from)
}

// must fails with ErrDenied unless a policy lets the user do that.
func (id *Identity) must(k auth.Kind, name string, p Perm) error {
	if id.all {
		return nil
	}
	v, _ := id.judge(k, name, p)
	return id.permit(k, name, v)
}

// permit fails with RocketMQ's words unless a verdict is Allowed.
func (id *Identity) permit(k auth.Kind, name string, v auth.Verdict) error {
	why := "no matched policies."
	switch v {
	case auth.Allowed:
		return nil
	case auth.Denied:
		why = "the decision is deny."
	}
	return denyUser("User:%s has no permission to access %s:%s from %s, %s", id.name, k, short(name), id.from, why)
}

// userTopic is Topic for a user of 5.x. As with RocketMQ topics of retries are their group's, and who traces may
// send to that topic as to any. What differs lets less through: no entry for many topics is about those in which
// the broker keeps messages of all, nor about the dead letters of a group that is denied.
func (id *Identity) userTopic(topic string, p Perm) error {
	if id.all {
		return nil
	}
	if name, ok := strings.CutPrefix(topic, retryPrefix); ok {
		return id.userRetries(name, p)
	}
	v, exact := id.judge(auth.Topic, topic, p)
	if !exact && v == auth.Allowed {
		if holdsOthers(topic) && (topic != traceTopic || p != Pub) {
			v = auth.Unsaid
		} else if group, ok := strings.CutPrefix(topic, deadPrefix); ok {
			if of, _ := id.judge(auth.Group, group, p); of == auth.Denied {
				v = of
			}
		}
	}
	return id.permit(auth.Topic, topic, v)
}

// userRetries is retries for a user of 5.x.
func (id *Identity) userRetries(name string, p Perm) error {
	v, exact := id.judge(auth.Group, name, p)
	if len(name) > maxRetries { // as in retries
		v = auth.Unsaid
	}
	for i := 0; i < len(name) && !exact && v == auth.Allowed; i++ {
		if name[i] != '_' {
			continue
		}
		group, _ := id.judge(auth.Group, name[:i], p)
		topic, _ := id.judge(auth.Topic, name[i+1:], p)
		if group == auth.Denied || topic == auth.Denied {
			v = auth.Denied
		}
	}
	return id.permit(auth.Group, name, v)
}
