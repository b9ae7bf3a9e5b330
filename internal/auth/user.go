package auth

import "strings"

// A User is one as requests and the file have it. Each request is judged by what it is after check.
type User struct {
	Name     string    `json:"username"`
	Password string    `json:"password,omitempty"` // the secret of its signatures
	Type     string    `json:"userType"`           // Super or Normal
	Status   string    `json:"userStatus"`         // enable or disable
	Policies []*Policy `json:"policies,omitempty"` // the file's alone: requests have them in an ACL
}

// An ACL is all that is said of what a user may do, as requests have it.
type ACL struct {
	Subject  string    `json:"subject"` // User:name
	Policies []*Policy `json:"policies"`
}

// A Policy has the entries of one type.
type Policy struct {
	Type    string   `json:"policyType"` // Custom, or Default, which counts where no entry of Custom is about a request
	Entries []*Entry `json:"entries"`
}

// An Entry says what may be done with a resource, or may not.
type Entry struct {
	Resource string   `json:"resource"` // Topic:name, Topic:prefix*, Topic:*, likewise Group and Cluster, or *
	Actions  []string `json:"actions"`
	Sources  []string `json:"sourceIps,omitempty"` // addresses and networks; none: from everywhere
	Decision string   `json:"decision"`            // Allow or Deny
	rule
}

// Super says whether u may do everything.
func (u *User) Super() bool { return strings.EqualFold(u.Type, "Super") }

// Disabled says whether u may do nothing.
func (u *User) Disabled() bool { return u.Status == "disable" }

// ACL is what is said of u; nil if that is nothing.
func (u *User) ACL() *ACL {
	if len(u.Policies) == 0 {
		return nil
	}
	return &ACL{subjectPrefix + u.Name, u.Policies}
}

const subjectPrefix = "User:"

// check puts u into its own words.
func (u *User) check() (err error) {
	if strings.TrimSpace(u.Name) == "" {
		return Refuse("username can not be blank")
	}
	if strings.TrimSpace(u.Password) == "" {
		return Refuse("password can not be blank")
	}
	if !isName(u.Name) || !isName(u.Password) {
		return Refuse("username and password have at most %d bytes, and nothing that does not print", maxName)
	}
	if u.Type, err = word("userType", u.Type, "Normal", "Super"); err != nil {
		return err
	}
	if u.Status, err = word("userStatus", u.Status, "enable", "disable"); err != nil {
		return err
	}
	if len(u.Policies) == 0 {
		u.Policies = nil // as the file has them, that are none
	}
	return check(u.Policies)
}

// word returns which of two words s is; the first is what is meant where nothing is said. RocketMQ means it by
// everything that it does not know, too.
func word(what, s, a, b string) (string, error) {
	if s == "" || strings.EqualFold(s, a) {
		return a, nil
	}
	if strings.EqualFold(s, b) {
		return b, nil
	}
	return "", Refuse("the %s is neither %s nor %s", what, a, b)
}

// check puts policies into their own words.
func check(all []*Policy) (err error) {
	entries := 0
	for i, p := range all {
		if p == nil || len(p.Entries) == 0 {
			return Refuse("The policy entries is empty.")
		}
		if p.Type, err = word("policyType", p.Type, "Custom", "Default"); err != nil {
			return err
		}
		if find(all, p.Type) != i {
			return Refuse("the policy %s is there twice", p.Type)
		}
		if entries += len(p.Entries); entries > maxEntries {
			return Refuse("a user has more than %d entries", maxEntries)
		}
		for k, e := range p.Entries {
			if e == nil {
				return Refuse("The resource is null.")
			}
			if err = e.check(); err != nil {
				return err
			}
			if p.find(&e.rule) != k {
				return Refuse("the resource %.64s is there twice", e.Resource)
			}
		}
	}
	return nil
}

// find returns where the policy of a type is, len if there is none.
func find(all []*Policy, kind string) int {
	i := 0
	for i < len(all) && all[i].Type != kind {
		i++
	}
	return i
}

// find returns where the entry of a resource is, len if there is none.
func (p *Policy) find(r *rule) int {
	i := 0
	for i < len(p.Entries) && !p.Entries[i].same(r) {
		i++
	}
	return i
}
