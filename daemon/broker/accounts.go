package broker

import (
	"encoding/json"
	"errors"
	"strings"

	"pairmq/internal/acl"
	"pairmq/internal/auth"
	"pairmq/internal/remoting"
)

// Accounts are who may do what, as far as requests 50 to 54 and 3001 to 3010 show and change them, and held
// ones go by them; *acl.Accounts has it.
type Accounts interface {
	File() *acl.File
	Update(change func(*acl.File) error) error
	Path() string
	Users() *auth.Table // those of 5.x; not to be changed
	UpdateUsers(change func(*auth.Table) error) error
	Holds(name string) bool // File has the name
	Rules() *acl.Rules      // that are in force
}

// Answers of 4.9.7 to changes that are not made; 5.x has other meanings for these.
const (
	respPutAccountFailed    = 209
	respDeleteAccountFailed = 210
	respSetAddressesFailed  = 211
)

// changeAccounts makes a change, and answers with code if it is not made.
func (b *Broker) changeAccounts(req *remoting.Request, code int32, change func(*acl.File) error) error {
	if b.opts.Accounts == nil {
		return refuse(code, "this broker has no accounts: aclEnable is false")
	}
	err := b.opts.Accounts.Update(change)
	if errors.Is(err, acl.ErrUpdate) {
		return refuse(code, "%v", err)
	}
	if err != nil {
		return err
	}
	replyDone(req)
	return nil
}

// putAccount serves UPDATE_AND_CREATE_ACL_CONFIG, 50. As with RocketMQ what is not told of an
// account that is there stays as it is, but for admin. Other than there nobody is made an admin. Whoever has changed it gets in by the
// new secret from now on.
func (b *Broker) putAccount(req *remoting.Request) error {
	f := req.Fields
	admin, err := f.BoolOr("admin", false)
	if err != nil {
		return err
	}
	a := acl.Account{
		AccessKey: f.Get("accessKey"), SecretKey: f.Get("secretKey"), Admin: admin,
		DefaultTopicPerm: f.Get("defaultTopicPerm"), DefaultGroupPerm: f.Get("defaultGroupPerm"),
	}
	if a.AccessKey == "" || a.SecretKey == "" { // 4.9.7 wants both with every change
		return refuse(respPutAccountFailed, "accessKey and secretKey are required")
	}
	var white bool
	a.WhiteRemoteAddress, white = f.Lookup("whiteRemoteAddress")
	if s, ok := f.Lookup("topicPerms"); ok {
		a.TopicPerms = strings.Split(s, ",")
	}
	if s, ok := f.Lookup("groupPerms"); ok {
		a.GroupPerms = strings.Split(s, ",")
	}
	return b.changeAccounts(req, respPutAccountFailed, func(file *acl.File) error {
		if all := b.opts.Accounts; !all.Holds(a.AccessKey) && all.Users().Find(a.AccessKey) != nil { // it would be let in no more
			return refuse(respPutAccountFailed, "a user of 5.x has this name: delete it first")
		}
		return file.Put(a, white)
	})
}

// deleteAccount serves DELETE_ACL_CONFIG, 51.
func (b *Broker) deleteAccount(req *remoting.Request) error {
	name := req.Fields.Get("accessKey")
	return b.changeAccounts(req, respDeleteAccountFailed, func(file *acl.File) error {
		if !file.Delete(name) {
			return refuse(respDeleteAccountFailed, "The accesskey[%.255s] corresponding to accessConfig has been deleted failed.", name)
		}
		return nil
	})
}

// setAddresses serves UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, 53. There is one file, so that none
// can be named.
func (b *Broker) setAddresses(req *remoting.Request) error {
	if path := req.Fields.Get("aclFileFullPath"); path != "" && (b.opts.Accounts == nil || path != b.opts.Accounts.Path()) {
		return refuse(respSetAddressesFailed, "the file of accounts is the one that the broker's configuration names, and no other")
	}
	all := splitPatterns(req.Fields.Get("globalWhiteAddrs"))
	if len(all) == 0 {
		// Any request without fields that an admin has signed could be turned into this.
		return refuse(respSetAddressesFailed, "globalWhiteAddrs wants at least one address: take the last one out of the file by hand")
	}
	return b.changeAccounts(req, respSetAddressesFailed, func(file *acl.File) error { return file.SetGlobal(all) })
}

// splitPatterns splits at commas, but for those within braces.
func splitPatterns(s string) (all []string) {
	depth, from := 0, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ',' && depth == 0:
			if one := strings.TrimSpace(s[from:i]); one != "" {
				all = append(all, one)
			}
			from = i + 1
		case s[i] == '{':
			depth++
		case s[i] == '}':
			depth--
		}
	}
	return all
}

// accountsVersion serves GET_BROKER_CLUSTER_ACL_INFO, 52.
func (b *Broker) accountsVersion(req *remoting.Request) error {
	if b.opts.Accounts == nil {
		return refuse(remoting.RespSystemError, "this broker has no accounts: aclEnable is false")
	}
	v := b.opts.Accounts.File().Version
	one := map[string]int64{"counter": v.Counter, "timestamp": v.Timestamp, "stateVersion": 0}
	version, err := json.Marshal(one)
	if err != nil {
		return err
	}
	all, err := json.Marshal(map[string]any{b.opts.Accounts.Path(): one})
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Fields: remoting.Fields{
		{Key: "version", Value: string(version)}, {Key: "allAclFileVersion", Value: string(all)}, {Key: "brokerName", Value: b.opts.Name},
		{Key: "brokerAddr", Value: b.opts.Addr.String()}, {Key: "clusterName", Value: b.opts.Cluster},
	}})
	return nil
}

// showAccounts serves GET_BROKER_CLUSTER_ACL_CONFIG, 54. RocketMQ's answer has the secrets;
// this has none.
func (b *Broker) showAccounts(req *remoting.Request) error {
	if b.opts.Accounts == nil {
		return refuse(remoting.RespSystemError, "this broker has no accounts: aclEnable is false")
	}
	f := b.opts.Accounts.File()
	body := struct {
		Global   []string      `json:"globalWhiteAddrs"`
		Accounts []acl.Account `json:"plainAccessConfigs"`
	}{append([]string{}, f.Global...), append([]acl.Account{}, f.Accounts...)}
	for i := range body.Accounts {
		body.Accounts[i].SecretKey = ""
	}
	return replyJSON(req, body)
}
