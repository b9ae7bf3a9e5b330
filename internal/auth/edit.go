package auth

import (
	"strings"
)

// What follows changes a Table as requests do. It fails with Refused, and then the Table is of no more use;
// what is wrong with values Encode finds.

// Find returns the user of a name, nil if there is none.
func (t *Table) Find(name string) *User {
	for _, u := range t.Users {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// Create adds a user.
func (t *Table) Create(u *User) error {
	if t.Find(u.Name) != nil {
		return Refuse("The user is existed")
	}
	t.Users = append(t.Users, u)
	return nil
}

// Change changes the user of u's name: what of u is blank stays as it is.
func (t *Table) Change(u *User) error {
	old := t.Find(u.Name)
	if old == nil {
		return Refuse("The user is not exist")
	}
	if strings.TrimSpace(u.Password) != "" {
		old.Password = u.Password
	}
	if u.Type != "" {
		old.Type = u.Type
	}
	if u.Status != "" {
		old.Status = u.Status
	}
	return nil
}

// Delete takes a user away, and what is said of it, if there is one.
func (t *Table) Delete(name string) {
	for i, u := range t.Users {
		if u.Name == name {
			t.Users = append(t.Users[:i], t.Users[i+1:]...)
			return
		}
	}
}

// Of returns the user that a subject is.
func (t *Table) Of(subject string) (*User, error) {
	n := len(subjectPrefix)
	if len(subject) > n && strings.EqualFold(subject[:n], subjectPrefix) {
		if u := t.Find(subject[n:]); u != nil {
			return u, nil
		}
	}
	return nil, Refuse("The subject of %.64s is not exist.", subject)
}

// Put says what a user may do. An entry about a resource of which its policy speaks already replaces that one;
// whatever else is said stays.
func (t *Table) Put(a *ACL) error {
	u, err := t.Of(a.Subject)
	if err != nil {
		return err
	}
	if len(a.Policies) == 0 {
		return Refuse("The policies is empty.")
	}
	if err = check(a.Policies); err != nil { // its words are compared
		return err
	}
	for _, p := range a.Policies {
		k := find(u.Policies, p.Type)
		if k == len(u.Policies) {
			u.Policies = append(u.Policies, p)
			continue
		}
		to := u.Policies[k]
		for _, e := range p.Entries {
			if n := to.find(&e.rule); n < len(to.Entries) {
				to.Entries[n] = e
			} else {
				to.Entries = append(to.Entries, e)
			}
		}
	}
	return nil
}

// Take takes away what a policy says of a resource, or all that is said of a user if resource is blank.
// RocketMQ does the latter for a resource that it does not understand, too.
func (t *Table) Take(subject, kind, resource string) error {
	u, err := t.Of(subject)
	if err != nil {
		return err
	}
	if len(u.Policies) == 0 {
		return Refuse("The acl is not exist.")
	}
	if strings.TrimSpace(resource) == "" {
		u.Policies = nil
		return nil
	}
	var r rule
	if _, err = r.read(resource); err != nil {
		return err
	}
	if kind, err = word("policyType", kind, "Custom", "Default"); err != nil {
		return err
	}
	k := find(u.Policies, kind)
	if k == len(u.Policies) {
		return nil
	}
	p := u.Policies[k]
	if n := p.find(&r); n < len(p.Entries) {
		p.Entries = append(p.Entries[:n], p.Entries[n+1:]...)
	}
	if len(p.Entries) == 0 {
		u.Policies = append(u.Policies[:k], u.Policies[k+1:]...)
	}
	return nil
}

// Denies is how many entries there are that deny.
func (t *Table) Denies() (n int) {
	for _, u := range t.Users {
		for _, p := range u.Policies {
			for _, e := range p.Entries {
				if e.deny {
					n++
				}
			}
		}
	}
	return n
}

// Select returns what is said of users whose subject contains one text, as far as resources contain the other;
// where the subject contains that too, all of it, as with RocketMQ.
func (t *Table) Select(subject, resource string) (some []*ACL) {
	subject, resource = strings.TrimSpace(subject), strings.TrimSpace(resource)
	for _, u := range t.Users {
		name := subjectPrefix + u.Name
		if !strings.Contains(name, subject) {
			continue
		}
		part := &ACL{Subject: name}
		for _, p := range u.Policies {
			of := &Policy{Type: p.Type}
			for _, e := range p.Entries {
				if strings.Contains(name, resource) || strings.Contains(e.Resource, resource) {
					of.Entries = append(of.Entries, e)
				}
			}
			if of.Entries != nil {
				part.Policies = append(part.Policies, of)
			}
		}
		if part.Policies != nil {
			some = append(some, part)
		}
	}
	return some
}
