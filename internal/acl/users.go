package acl

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"

	"pairmq/internal/auth"
)

// keptUsers is a file of users and what it comes to.
type keptUsers struct {
	table *auth.Table
	users map[string]*user
}

// noUsers is what a file says that was never written. One without content is damaged.
const noUsers = `{"users":[]}`

// watchUsers reads the file of users for the first time. What is not good is logged, and lets nobody in.
func watchUsers(path string, log *slog.Logger) *watched[*keptUsers] {
	w := newWatched(path, "users", decodeUsers, log)
	w.absent = []byte(noUsers)
	w.decode = func(b []byte) (*keptUsers, error) {
		k, err := decodeUsers(b)
		if now := w.now.Load(); err == nil && now != nil {
			k.keep((*now).users)
		}
		return k, err
	}
	v, err := w.load()
	if err != nil {
		w.log.Error("the file of users is not good: nobody in it is let in until it is", "err", err)
		w.fail(w.seen, err.Error())
		v = &keptUsers{table: new(auth.Table)}
	} else if n := len(v.users); n > 0 {
		w.log.Info("users", "users", n)
		w.describe()
	}
	w.now.Store(&v)
	return w
}

func decodeUsers(b []byte) (*keptUsers, error) {
	t, err := auth.DecodeFile(b)
	if err != nil {
		return nil, err
	}
	k := &keptUsers{t, make(map[string]*user, len(t.Users))}
	for _, u := range t.Users {
		k.users[u.Name] = &user{newSigner(u.Password), u}
	}
	return k, nil
}

// keep has users of whom the same is said as before stay who they are: a change of one ends nothing of the others.
func (k *keptUsers) keep(before map[string]*user) {
	for name, u := range k.users {
		old := before[name]
		if old == nil {
			continue
		}
		a, errA := json.Marshal(old.User)
		b, errB := json.Marshal(u.User)
		if errA == nil && errB == nil && bytes.Equal(a, b) {
			k.users[name] = old
		}
	}
}

// Users are those of 5.x, and what they may do. They are not to be changed.
func (a *Accounts) Users() *auth.Table { return a.users.get().table }

// Holds says whether the file of accounts has a name.
func (a *Accounts) Holds(name string) bool { return a.get().rules.accounts[name] != nil }

// UpdateUsers changes the file of users as Update does that of accounts. The first change makes it, for the
// daemon's user alone.
func (a *Accounts) UpdateUsers(change func(*auth.Table) error) error {
	err := a.users.update(func(k *keptUsers) ([]byte, error) {
		before, err := k.table.Encode()
		if err == nil {
			err = change(k.table)
		}
		if err != nil {
			return nil, err
		}
		after, err := k.table.Encode()
		if err == nil && bytes.Equal(before, after) {
			err = errSame
		}
		return after, err
	})
	if errors.Is(err, errSame) { // flash wears, and who has heard a request can send it again and again
		return nil
	}
	if err == nil {
		a.users.said.Log("a request has changed the file of users", "file", a.users.path)
	}
	return err
}

var errSame = errors.New("the file says that already")
