package acl

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"pairmq/internal/warner"
)

// Accounts are those of a plain_acl.yml and the users of 5.x, read again once their files have changed. What
// cannot be used is logged and changes nothing. Its methods are safe for concurrent use.
type Accounts struct {
	*watched[*kept]
	users  *watched[*keptUsers]
	both   atomic.Pointer[inForce]
	warned *warner.Warner // of what is in force and lets too many in
}

// kept is a file and what it comes to.
type kept struct {
	file  *File
	rules *Rules
}

// inForce is what both files come to.
type inForce struct {
	kept   *kept
	users  *keptUsers
	shared string // a name that both have, "" if there is none
	rules  *Rules
}

// Open reads the files for the first time: that of the accounts, which has to be good, and that of users, which
// need not be there. If it is not good nobody in it is let in.
func Open(path, users string, log *slog.Logger) (*Accounts, error) {
	w, err := watch(path, "accounts", func(b []byte) (*kept, error) {
		f, r, err := decode(b)
		if err != nil {
			return nil, err
		}
		return &kept{f, r}, nil
	}, log)
	if err != nil {
		return nil, err
	}
	a := &Accounts{watched: w, users: watchUsers(users, log), warned: &warner.Warner{To: w.log, Level: slog.LevelWarn, Burst: sayAtOnce}}
	w.news = func(k *kept) { a.warn(k.rules) }
	a.warn(a.get().rules)
	a.Rules() // logs what both have
	return a, nil
}

// warn logs what a person should know of what is in force from now on.
func (a *Accounts) warn(r *Rules) {
	admins := 0
	for name, one := range r.accounts {
		if one.signed.admin {
			admins++
		}
		if one.white.Any() {
			a.warned.Log("an account need sign nowhere: who knows its name is let in", "account", name)
		}
	}
	for i := range r.global {
		if r.global[i].Any() {
			a.warned.Log("globalWhiteRemoteAddresses has every address: everybody may do everything")
		}
	}
	a.said.Log("accounts", "accounts", len(r.accounts), "admins", admins, "globalWhiteRemoteAddresses", len(r.global))
}

// Rules are what the files say now, as far as that is good.
func (a *Accounts) Rules() *Rules { return a.current().rules }

func (a *Accounts) current() *inForce {
	k, u := a.get(), a.users.get()
	old := a.both.Load()
	if old != nil && old.kept == k && old.users == u {
		return old
	}
	r := *k.rules
	r.users = u.users
	n := &inForce{kept: k, users: u, rules: &r}
	for name := range u.users {
		if r.accounts[name] != nil {
			n.shared = name
		}
	}
	if a.both.CompareAndSwap(old, n) && n.shared != "" {
		a.log.Warn("a user of 5.x has the name of an account, which is what counts: take one of them away", "user", n.shared)
	}
	return n
}

// Trouble says what is wrong with the files, without a name in them; "" if nothing is.
func (a *Accounts) Trouble() (text string) {
	const still = " is not good: what it said before is in force, and the log says what is wrong; "
	if a.bad.Load() {
		text = a.path + still
	}
	n := a.current()
	if a.users.bad.Load() && len(n.users.users) == 0 {
		text += a.users.path + " is not good: nobody in it is let in, and the log says what is wrong; "
	} else if a.users.bad.Load() {
		text += a.users.path + still
	}
	if n.shared != "" {
		text += "a user of 5.x has the name of an account, which is what counts: the log says which; "
	}
	return strings.TrimSuffix(text, "; ")
}

// File is what the file of accounts says. It is not to be changed.
func (a *Accounts) File() *File { return a.get().file }

// Path is where that file is.
func (a *Accounts) Path() string { return a.path }

// ErrUpdate is wrapped by why a change was not made. The text is for who asked.
var ErrUpdate = errors.New("accounts are as they were")

// Update changes the file of accounts: change gets what it says now and may change it, or fail. The
// change is durable and in force on return, or not made. The file keeps its mode; comments are lost.
func (a *Accounts) Update(change func(*File) error) error {
	var counter int64
	err := a.update(func(k *kept) ([]byte, error) {
		f := k.file
		if err := change(f); err != nil {
			return nil, err
		}
		f.Version.Counter++
		f.Version.Timestamp = max(f.Version.Timestamp+1, time.Now().UnixMilli()) // it tells versions apart, by any clock
		counter = f.Version.Counter
		return f.AppendTo(nil), nil
	})
	if err == nil {
		a.said.Log("a request has changed the file of accounts", "file", a.path, "counter", counter)
	}
	return err
}
