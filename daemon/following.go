package main

import (
	"pairmq/daemon/broker"
	"pairmq/store"
)

// A following is the log that a slave writes. With what is cut off goes how far
// transactions are worked off: the ops that say so may have been there. Who becomes
// master without it reads them all.
type following struct {
	*store.Follower
	store *store.Store
}

func (f following) Truncate(end int64) (file string, err error) {
	if err := broker.ForgetTransactions(f.store); err != nil {
		return "", err
	}
	return f.Follower.Truncate(end)
}

func (f following) Reset(start int64) error {
	if err := broker.ForgetTransactions(f.store); err != nil {
		return err
	}
	return f.Follower.Reset(start)
}
