package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

// userAttacks are those on the users of RocketMQ 5.x, which requests 3001 to 3010 make and show.
func userAttacks() []attack {
	all := []attack{
		{name: "UsersOfStrangers", what: "requests 3001 to 3010, which make and show users and what they may do, without a signature, with a forged one, and of accounts that are no admin's", do: usersOfStrangers},
		{name: "HeardAdminMakesUsers", what: "what an admin has signed, cut into requests that make a user who may do everything, or one who may use all topics", do: heardUsers, names: 1},
	}
	for i := range all {
		all[i].on, all[i].needs, all[i].outside, all[i].quiet = accounts, "aclEnable", users, true
	}
	return all
}

// usersAsked are requests that would let somebody in, or tell who is, by what they are for.
func usersAsked(name, kind string) []asked {
	user := fmt.Sprintf(`{"username":%q,"password":"attackers-secret","userType":%q,"userStatus":"enable"}`, name, kind)
	may := fmt.Sprintf(`{"subject":"User:%s","policies":[{"policyType":"Custom","entries":[{"resource":"Topic:*","actions":["All"],"decision":"Allow"},{"resource":"Group:*","actions":["All"],"decision":"Allow"}]}]}`, name)
	subject := "User:" + name
	return []asked{
		{brokerPort, remoting.ReqAuthCreateUser, fields("username", name), user},
		{brokerPort, remoting.ReqAuthUpdateUser, fields("username", name), user},
		{brokerPort, remoting.ReqAuthDeleteUser, fields("username", name), ""},
		{brokerPort, remoting.ReqAuthGetUser, fields("username", name), ""},
		{brokerPort, remoting.ReqAuthListUser, fields("filter", ""), ""},
		{brokerPort, remoting.ReqAuthCreateACL, fields("subject", subject), may},
		{brokerPort, remoting.ReqAuthUpdateACL, fields("subject", subject), may},
		{brokerPort, remoting.ReqAuthDeleteACL, fields("subject", subject, "resource", "Topic:*", "policyType", "Custom"), ""},
		{brokerPort, remoting.ReqAuthGetACL, fields("subject", subject), ""},
		{brokerPort, remoting.ReqAuthListACL, fields("subjectFilter", "", "resourceFilter", ""), ""},
	}
}

func usersOfStrangers(s *stranger) {
	for _, name := range []string{"attackerX", "admin-account", "client-account", "taken-account"} {
		for _, r := range usersAsked(name, "Super") {
			for who, a := range map[string]*account{
				"nobody": nil, "a guess": {"admin-account", "secret-that-was-taken"}, "a client": clientAccount(), "an account that was taken": takenAccount(),
			} {
				pause(s.ctx, time.Millisecond)
				s.must(r.port, fmt.Sprintf("%s of %s by %s", remoting.RequestName(r.code), name, who), request(r.code, a.sign(r.f, []byte(r.body)), []byte(r.body)))
			}
		}
	}
}

// heardUsers has what an admin has signed begin a request that he has not made: a message
// whose body the stranger has chosen, for a sensor's value may be what a stranger says.
func heardUsers(s *stranger) {
	a := adminAccount()
	send := sendFields(topic, queues, 0)
	var before strings.Builder // in the order of the keys, which are letters
	for _, f := range send {
		before.WriteString(f.Value)
	}
	for _, kind := range []string{"Super", "Normal"} {
		for _, named := range []string{"attackerX", before.String(), "admin-account"} {
			for _, r := range usersAsked(named, kind) {
				if r.body == "" {
					continue
				}
				heard := a.sign(send, []byte(r.body)).Get("Signature")
				signed := fields("AccessKey", a.name, "Signature", heard)
				for what, f := range map[string]remoting.Fields{
					"the name of the rest":       fields("username", before.String(), "subject", ""),
					"the subject of the rest":    fields("subject", before.String()),
					"a field for the rest":       fields("B", before.String()),
					"a token for the rest":       fields("SecurityToken", before.String()),
					"a flag, and the name blank": fields("lo", before.String(), "username", ""),
				} {
					pause(s.ctx, time.Millisecond)
					s.must(r.port, fmt.Sprintf("a message becomes %s, %s, with %s", remoting.RequestName(r.code), kind, what), request(r.code, append(f, signed...), []byte(r.body)))
				}
			}
		}
	}
	// And what needs no body: a name of something else becomes a user's.
	look := a.sign(fields("topic", "admin-account"), nil).Get("Signature")
	for _, code := range []int32{remoting.ReqAuthCreateUser, remoting.ReqAuthUpdateUser, remoting.ReqAuthCreateACL, remoting.ReqAuthUpdateACL} {
		for _, key := range []string{"username", "subject"} {
			s.must(brokerPort, remoting.RequestName(code)+" of a look at a topic", request(code, fields(key, "admin-account", "AccessKey", a.name, "Signature", look), nil))
		}
	}
}

// users are those there are, and what they may do, as an admin is told; of a daemon without
// them, that it has none.
func users(ctx context.Context, s *scene) (string, error) {
	var told strings.Builder
	for _, code := range []int32{remoting.ReqAuthListUser, remoting.ReqAuthListACL} {
		resp, err := s.ownAsk(ctx, brokerPort, code, nil)
		if resp == nil {
			return "", err
		}
		fmt.Fprintf(&told, "%s %s\n", remoting.ResponseName(resp.Code), resp.Body)
	}
	return told.String(), nil
}
