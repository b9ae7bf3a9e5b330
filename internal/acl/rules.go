package acl

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"pairmq/internal/auth"
	"pairmq/internal/remoting"
)

// ErrDenied is wrapped by why a request is not served. The text is for who made it: of
// accounts it says nothing that they did not know.
var ErrDenied = errors.New("access denied")

// denied is such an error. Its text is RocketMQ's, without more before it.
type denied struct {
	why  string
	code int32
}

func (d *denied) Error() string { return d.why }
func (d *denied) Unwrap() error { return ErrDenied }

// Code is the response code that err is told by: that of 4.x, or for users of 5.x theirs.
func Code(err error) int32 {
	if d, ok := errors.AsType[*denied](err); ok {
		return d.code
	}
	return remoting.RespSystemError
}

func deny(format string, args ...any) error {
	return &denied{fmt.Sprintf(format, args...), remoting.RespSystemError}
}

// denyUser is deny for a user of 5.x.
func denyUser(format string, args ...any) error {
	return &denied{fmt.Sprintf(format, args...), remoting.RespNoPermission}
}

// traceTopic is where every account may send: clients that trace do so on their own.
const traceTopic = "RMQ_SYS_TRACE_TOPIC"

// retryPrefix begins the names of topics that are a group's.
const retryPrefix = "%RETRY%"

// deadPrefix begins the names of topics that have a group's dead letters.
const deadPrefix = "%DLQ%"

// Rules are what a File comes to. They do not change; their methods are safe for
// concurrent use.
type Rules struct {
	global   []Pattern
	accounts map[string]*account
	users    map[string]*user // those of 5.x
	unknown  *signer          // what is signed by nobody is compared all the same
	nobody   *Identity
}

// An account is one of Rules.
type account struct {
	white  Pattern
	signer *signer
	signed Identity // of who signs
	named  Identity // of who need not
}

// An Identity is who made a request, and what they may do. It does not change.
type Identity struct {
	name           string
	admin          bool
	all            bool // topics and groups are not looked at
	topic, group   Perm // unless the next say otherwise
	topics, groups map[string]Perm
	user           *user      // it is one of 5.x, and what it may do is said there
	from           netip.Addr // where such a user asks from
}

// Identify finds out who made cmd, from address from, by RocketMQ's rules in its order:
// an address that needs no account; an account from an address where it need not sign; a
// signature. It fails with ErrDenied. Whether an account exists cannot be told from
// outside: a wrong signature and a wrong name get the same answer in the same time.
func (r *Rules) Identify(cmd *remoting.Command, from netip.Addr) (*Identity, error) {
	for i := range r.global {
		if r.global[i].Match(from) {
			return r.nobody, nil
		}
	}
	name, there := cmd.Fields.Lookup(fieldAccessKey)
	if !there {
		return nil, deny("No accessKey is configured")
	}
	a, s := r.accounts[name], r.unknown
	if a != nil {
		if a.white.Match(from) {
			return &a.named, nil
		}
		s = a.signer
	}
	u := r.users[name]
	if a == nil && u != nil { // the file of accounts is right where both have the name
		s = u.signer
	}
	switch good := s.signed(cmd); {
	case !good || a == nil && u == nil:
		return nil, deny("Check signature failed for accessKey=%s", short(name))
	case a != nil:
		return &a.signed, nil
	}
	return u.identity(from)
}

// Knows says whether id is of these rules. One of those before may have lost its account, or what it
// may.
func (r *Rules) Knows(id *Identity) bool {
	if a := r.accounts[id.name]; a != nil || id.user == nil {
		return id == r.nobody || a != nil && (id == &a.signed || id == &a.named)
	}
	return r.users[id.name] == id.user
}

// Name is that of the account, "" if the address needed none.
func (id *Identity) Name() string { return id.name }

// Admin says whether everything may be done that concerns the broker as a whole. An account
// must be an admin for that, wherever it comes from; with RocketMQ the address is enough.
func (id *Identity) Admin() bool { return id.admin }

// Code is the response code by which who it is learns of a refusal.
func (id *Identity) Code() int32 {
	if id.user != nil {
		return remoting.RespNoPermission
	}
	return remoting.RespSystemError
}

// Topic fails with ErrDenied unless topic may be used so. A topic of retries is a group's, and so
// are dead letters, unless the topic itself is listed.
func (id *Identity) Topic(topic string, p Perm) error {
	if id.user != nil {
		return id.userTopic(topic, p)
	}
	if id.all || topic == traceTopic && p == Pub {
		return nil
	}
	if group, ok := strings.CutPrefix(topic, retryPrefix); ok {
		return id.retries(topic, group, p)
	}
	has, said := id.topics[topic]
	if !said && !holdsOthers(topic) {
		has = id.topic
	}
	if group, ok := strings.CutPrefix(topic, deadPrefix); ok && !said && p&Sub != 0 {
		if of, listed := id.groups[group]; listed {
			has &= of | Pub
		}
	}
	return permit("topic", topic, has, p)
}

// Message is Topic for a message of topic that who asks has named by its place in the log alone: it does
// not tell what topic that is.
func (id *Identity) Message(topic string, p Perm) error {
	switch {
	case id.Topic(topic, p) == nil:
		return nil
	case id.user != nil:
		return denyUser("User:%s has no permission to access the message there", id.name)
	}
	return deny("No default permission for the message there")
}

// Lists says whether the account has a permission of its own for topic, be it none; of a user of 5.x also whether
// any entry denies sending there.
func (id *Identity) Lists(topic string) bool {
	if id.user != nil {
		if v, _ := id.judge(auth.Topic, topic, Pub); v == auth.Denied {
			return true
		}
		v, exact := id.judge(auth.Topic, topic, Pub|Sub|get|update)
		return v != auth.Unsaid && exact
	}
	_, said := id.topics[topic]
	return said
}

// maxRetries is more bytes than a group, an underscore and a topic have. What follows looks at all after each
// underscore, so that a header full of them would keep a core for seconds.
const maxRetries = 2 * maxName

// retries is Topic for %RETRY%name. Clients of 5.x name so what a group has popped of a
// topic, %RETRY%group_topic, and both may have an underscore: where the name itself is not listed
// nothing that it may mean is to be denied.
func (id *Identity) retries(topic, name string, p Perm) error {
	if len(name) > maxRetries {
		return permit("topic", topic, 0, p)
	}
	if _, listed := id.groups[name]; !listed {
		for i := range len(name) {
			if name[i] != '_' {
				continue
			}
			group, grouped := id.groups[name[:i]]
			of, named := id.topics[name[i+1:]]
			if grouped && group&p == 0 || named && of&p == 0 {
				return permit("topic", topic, 0, p)
			}
		}
	}
	return id.Group(name, p)
}

// Group fails with ErrDenied unless group may be used so.
func (id *Identity) Group(group string, p Perm) error {
	if id.all {
		return nil
	}
	if id.user != nil {
		return id.must(auth.Group, group, p)
	}
	has, said := id.groups[group]
	if !said {
		has = id.group
	}
	return permit("group", group, has, p)
}

// Popped fails with ErrDenied unless group may consume topic, where the topic may be that
// of the group's retries of another one, %RETRY%group_topic, as clients of 5.x name it.
func (id *Identity) Popped(topic, group string) error {
	if err := id.Group(group, Sub); err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(topic, retryPrefix+group); ok && (rest == "" || rest[0] == '_') {
		if topic = strings.TrimPrefix(rest, "_"); topic == "" {
			return nil
		}
	}
	return id.Topic(topic, Sub)
}

func permit(what, name string, has, want Perm) error {
	if has&want == 0 {
		return deny("No default permission for %s:%s", what, short(name))
	}
	return nil
}

// holdsOthers says whether the broker itself keeps messages of all topics in this one, so
// that a default permission must not be meant. RocketMQ makes no difference.
func holdsOthers(topic string) bool {
	const system = "rmq_sys_"
	return topic == "SCHEDULE_TOPIC_XXXX" || topic == "TRANS_CHECK_MAX_TIME_TOPIC" || len(topic) >= len(system) && strings.EqualFold(topic[:len(system)], system)
}
