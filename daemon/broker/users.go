package broker

import (
	"errors"
	"strings"

	"pairmq/internal/acl"
	"pairmq/internal/auth"
	"pairmq/internal/remoting"
)

// askUsers serves AUTH_CREATE_USER to AUTH_LIST_ACL, 3001 to 3010, with RocketMQ's codes and remarks. As there
// to create what may be done and to update it is the same, and what is not there is answered with no body.
func (b *Broker) askUsers(req *remoting.Request) error {
	if b.opts.Accounts == nil {
		return refuse(remoting.RespSystemError, "this broker has no accounts: aclEnable is false; set it, with an administrator's account in aclFile")
	}
	err := b.usersAsked(req)
	switch {
	case errors.Is(err, errNothing):
		replyDone(req)
		return nil
	case errors.Is(err, acl.ErrUpdate):
		return refuse(remoting.RespSystemError, "%v", err)
	}
	if _, ok := errors.AsType[*auth.Refused](err); ok {
		return refuse(remoting.RespNoPermission, "%v", err)
	}
	return err
}

// errNothing: there is nothing to change, or to show.
var errNothing = errors.New("nothing")

func (b *Broker) usersAsked(req *remoting.Request) error {
	field := req.Fields.Get
	name, subject := field("username"), field("subject")
	switch req.Code {
	case remoting.ReqAuthCreateUser, remoting.ReqAuthUpdateUser:
		return b.putUser(req, name)
	case remoting.ReqAuthDeleteUser:
		return b.changeUsers(req, func(t *auth.Table) error {
			u := t.Find(name)
			if u == nil { // as with RocketMQ that is no mistake
				return errNothing
			}
			t.Delete(name)
			return b.maySuper(req, u, "update")
		})
	case remoting.ReqAuthGetUser:
		if strings.TrimSpace(name) == "" {
			return refuse(remoting.RespInvalidParameter, "The username is blank")
		}
		return b.showUsers(req, func(u *auth.User) bool { return u.Name == name })
	case remoting.ReqAuthListUser:
		filter := strings.TrimSpace(field("filter"))
		return b.showUsers(req, func(u *auth.User) bool { return strings.Contains(u.Name, filter) })
	case remoting.ReqAuthCreateACL, remoting.ReqAuthUpdateACL:
		a, err := (*auth.ACL)(nil), error(nil)
		if err = b.decoding(req.Body, func() error { a, err = auth.DecodeACL(req.Body, subject); return err }); err != nil {
			return err
		}
		return b.changeUsers(req, func(t *auth.Table) error { return t.Put(a) })
	case remoting.ReqAuthDeleteACL:
		return b.changeUsers(req, func(t *auth.Table) error {
			denies := t.Denies()
			if err := t.Take(subject, field("policyType"), field("resource")); err != nil {
				return err
			}
			if t.Denies() < denies && !b.trusts(req) {
				return refuse(remoting.RespSystemError, "A Deny can only be deleted from an address in adminAddresses: a signature alone is not enough, for that of listAcl has the same text; updateAcl can change it")
			}
			return nil
		})
	case remoting.ReqAuthGetACL:
		u, err := b.opts.Accounts.Users().Of(subject)
		if err != nil {
			return err
		}
		if a := u.ACL(); a != nil {
			return replyJSON(req, a)
		}
	default:
		if some := b.opts.Accounts.Users().Select(field("subjectFilter"), field("resourceFilter")); some != nil {
			return replyJSON(req, some)
		}
	}
	return errNothing
}

// changeUsers makes a change that is durable when it is answered.
func (b *Broker) changeUsers(req *remoting.Request, change func(*auth.Table) error) error {
	if err := b.opts.Accounts.UpdateUsers(change); err != nil {
		return err
	}
	return errNothing // more
}

// putUser adds a user, or changes one. Whoever has changed the password gets in by the new one from now on.
func (b *Broker) putUser(req *remoting.Request, name string) error {
	if name == "" {
		return refuse(remoting.RespInvalidParameter, "The username is blank")
	}
	u, err := (*auth.User)(nil), error(nil)
	if err = b.decoding(req.Body, func() error { u, err = auth.DecodeUser(req.Body, name); return err }); err != nil {
		return err
	}
	create := req.Code == remoting.ReqAuthCreateUser
	word := "update"
	if create {
		word = "create"
	}
	if err := b.maySuper(req, u, word); err != nil {
		return err
	}
	return b.changeUsers(req, func(t *auth.Table) error {
		if create {
			if b.opts.Accounts.Holds(name) {
				return auth.Refuse("The user is existed: aclFile has an account of this name")
			}
			return t.Create(u)
		}
		if old := t.Find(name); old != nil {
			if err := b.maySuper(req, old, word); err != nil {
				return err
			}
		}
		return t.Change(u)
	})
}

// maySuper fails if u may do everything, and who asks may not change such a user: who is at the machine's own
// socket may, or whose address is an administrator's as well as the signature. What is signed has no names of
// fields and no time, so that a signature alone may be another request's, or an old one's.
func (b *Broker) maySuper(req *remoting.Request, u *auth.User, word string) error {
	if !u.Super() || b.trusts(req) {
		return nil
	}
	return refuse(remoting.RespSystemError, "The super user can only be %s by super user, from an address in adminAddresses: a signature alone is not enough", word)
}

// trusts says whether who asks is an administrator by more than a signature: by their address
// too, or since no account was asked for.
func (b *Broker) trusts(req *remoting.Request) bool {
	return req.Who == nil || b.opts.Administers != nil && b.opts.Administers(req.Conn().RemoteAddr().Addr())
}

// showUsers answers AUTH_GET_USER and AUTH_LIST_USER. RocketMQ's answers have passwords; these have none.
func (b *Broker) showUsers(req *remoting.Request, shown func(*auth.User) bool) error {
	var some []*auth.User
	for _, u := range b.opts.Accounts.Users().Users {
		if shown(u) {
			some = append(some, &auth.User{Name: u.Name, Type: u.Type, Status: u.Status})
		}
	}
	switch {
	case some == nil:
		return errNothing
	case req.Code == remoting.ReqAuthGetUser:
		return replyJSON(req, some[0])
	}
	return replyJSON(req, some)
}
