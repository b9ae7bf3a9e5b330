package acl

import (
	"fmt"
	"slices"
)

// Put adds an account, or changes the one of its name: what of a is "" or nil stays as it is
// there, as with RocketMQ, but for the address if white says so. A list that is empty and not nil
// takes all away. It makes no account an admin that is none. It fails with ErrUpdate; what is wrong with the values Accounts.Update finds.
func (f *File) Put(a Account, white bool) error {
	for _, s := range append(append([]string{a.AccessKey, a.SecretKey, a.WhiteRemoteAddress, a.DefaultTopicPerm, a.DefaultGroupPerm}, a.TopicPerms...), a.GroupPerms...) {
		if !isText(s) {
			return fmt.Errorf("%w: a value has characters that cannot be in the file", ErrUpdate)
		}
	}
	i := slices.IndexFunc(f.Accounts, func(b Account) bool { return b.AccessKey == a.AccessKey })
	if a.Admin && (i < 0 || !f.Accounts[i].Admin) {
		// A signature has no names of fields: that of another request, with "true" in it, could be turned into this.
		return fmt.Errorf("%w: who is an admin is said in the file by hand alone", ErrUpdate)
	}
	if i < 0 {
		f.Accounts = append(f.Accounts, a)
		return nil
	}
	old := &f.Accounts[i]
	old.Admin = a.Admin
	for _, v := range []struct {
		to   *string
		from string
	}{{&old.SecretKey, a.SecretKey}, {&old.DefaultTopicPerm, a.DefaultTopicPerm}, {&old.DefaultGroupPerm, a.DefaultGroupPerm}} {
		if v.from != "" {
			*v.to = v.from
		}
	}
	if white {
		old.WhiteRemoteAddress = a.WhiteRemoteAddress
	}
	if a.TopicPerms != nil {
		old.TopicPerms = a.TopicPerms
	}
	if a.GroupPerms != nil {
		old.GroupPerms = a.GroupPerms
	}
	return nil
}

// Delete takes an account away. It says whether there was one.
func (f *File) Delete(accessKey string) bool {
	n := len(f.Accounts)
	f.Accounts = slices.DeleteFunc(f.Accounts, func(a Account) bool { return a.AccessKey == accessKey })
	return len(f.Accounts) < n
}

// SetGlobal replaces the addresses that need no account. It fails with ErrUpdate.
func (f *File) SetGlobal(patterns []string) error {
	for _, s := range patterns {
		if !isText(s) {
			return fmt.Errorf("%w: an address has characters that cannot be in the file", ErrUpdate)
		}
	}
	f.Global = patterns
	return nil
}
