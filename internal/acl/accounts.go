package acl

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"
)

// Accounts are those of a plain_acl.yml, read again once it has changed. What cannot be used is
// logged and changes nothing. Its methods are safe for concurrent use.
type Accounts struct{ *watched[*kept] }

// kept is a file and what it comes to.
type kept struct {
	file  *File
	rules *Rules
}

// Open reads the file for the first time.
func Open(path string, log *slog.Logger) (*Accounts, error) {
	w, err := watch(path, "accounts", func(b []byte) (*kept, error) {
		f, r, err := decode(b)
		if err != nil {
			return nil, err
		}
		r.warn(log)
		return &kept{f, r}, nil
	}, log)
	if err != nil {
		return nil, err
	}
	return &Accounts{w}, nil
}

// warn logs what a person should know of what is in force from now on.
func (r *Rules) warn(log *slog.Logger) {
	if log == nil {
		return
	}
	admins := 0
	for name, one := range r.accounts {
		if one.signed.admin {
			admins++
		}
		if one.white.Any() {
			log.Warn("an account need sign nowhere: who knows its name is let in", "account", name)
		}
	}
	for i := range r.global {
		if r.global[i].Any() {
			log.Warn("globalWhiteRemoteAddresses has every address: everybody may do everything")
		}
	}
	log.Info("accounts", "accounts", len(r.accounts), "admins", admins, "globalWhiteRemoteAddresses", len(r.global))
}

// Rules are what the file says now, as far as that is good.
func (a *Accounts) Rules() *Rules { return a.get().rules }

// File is what the file says. It is not to be changed.
func (a *Accounts) File() *File { return a.get().file }

// Path is where the file is.
func (a *Accounts) Path() string { return a.path }

// ErrUpdate is wrapped by why a change was not made. The text is for who asked.
var ErrUpdate = errors.New("accounts are as they were")

// Update changes the file: change gets what it says now and may change it, or fail. The
// change is durable and in force on return, or not made. The file keeps its mode; comments are lost.
func (a *Accounts) Update(change func(*File) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stamp() != a.seen { // what somebody is writing there just now is not undone, nor made good
		return fmt.Errorf("%w: somebody has just changed the file by hand: ask again once that is in force, in some seconds", ErrUpdate)
	}
	k, err := a.load()
	if err != nil {
		a.log.Error("the file of accounts is not good", "err", err)
		return fmt.Errorf("%w: the file is not good and must be mended by hand, and the broker's log says why", ErrUpdate)
	}
	f := k.file
	if err := change(f); err != nil {
		return err
	}
	f.Version.Counter++
	f.Version.Timestamp = max(f.Version.Timestamp+1, time.Now().UnixMilli()) // it tells versions apart, by any clock
	b := f.AppendTo(nil)
	if k, err = a.decode(b); err != nil {
		return fmt.Errorf("%w: %w", ErrUpdate, err)
	}
	written, err := replace(a.path, b)
	if err != nil {
		a.log.Error("the file of accounts could not be written", "err", err)
		if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
			return fmt.Errorf("%w: the broker may not write where its file is: change the file by hand, it is read again", ErrUpdate)
		}
		return fmt.Errorf("%w: the file could not be written, and the broker's log says why", ErrUpdate)
	}
	a.set(k, written)
	a.log.Info("a request has changed the file of accounts", "file", a.path, "counter", f.Version.Counter)
	return nil
}
