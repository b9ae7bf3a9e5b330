package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// changesKey is where the store keeps what request 25 has changed, until the
// files say something else.
const changesKey = "config"

// changes are what of the configuration request 25 has changed.
type changes struct {
	files    config.Config // with the role and the name that the broker has
	unknown  error         // what the store keeps is of a version to come: nothing is changed
	changing sync.Mutex    // held for one change
	now      atomic.Pointer[changed]
}

// changed is the configuration with all changes. Nobody changes it.
type changed struct {
	cfg config.Config
	all config.Overrides
	// Name servers take topics only with another version than they had: of the first
	// brokerPermission of a tenure they must hear, for the last one may have ended unheard, and of each change.
	permChanges int64
	permAt      int64 // when the last one was, ms
}

// text is the configuration as request 26 shows it.
func (c *changes) text() string { return c.now.Load().cfg.Shown() }

// loadChanges lays what was changed over the configuration of the tenure.
func (t *tenure) loadChanges() (*changes, error) {
	c := &changes{files: t.cfg}
	all, err := config.DecodeOverrides(t.store.Value(changesKey))
	if err != nil { // of a version to come
		c.unknown = err
		t.log.Error("the configuration is that of the files, and updateBrokerConfig is refused", "err", err)
	}
	var dropped []string
	now := changed{permChanges: 1, permAt: time.Now().UnixMilli()}
	now.cfg, dropped = all.Over(&c.files)
	now.all = all.Without(dropped)
	if len(dropped) > 0 {
		t.log.Warn("changes by updateBrokerConfig count no more, for the configuration has other values than it had", "keys", dropped)
		if !t.store.Stats().ReadOnly { // else a file that is as it was again would have them back
			if err := t.keepChanges(now.all); err != nil {
				return nil, err
			}
		}
	}
	if len(now.all) > 0 {
		t.log.Warn("the configuration was changed by updateBrokerConfig; what the files have for these keys does not count", "changed", now.all.String())
	}
	c.now.Store(&now)
	t.cfg = now.cfg
	return c, nil
}

func (t *tenure) keepChanges(all config.Overrides) error {
	var b []byte
	if len(all) > 0 {
		var err error
		if b, err = all.AppendTo(nil); err != nil {
			return err
		}
	}
	if err := t.store.SetValue(changesKey, b); err != nil {
		return fmt.Errorf("keep changes of the configuration: %w", err)
	}
	return nil
}

// updateConfig serves 25: the broker goes by the keys of the body from the answer on,
// and again after a restart. Either all are good or none is taken.
func (t *tenure) updateConfig(req *remoting.Request) error {
	c := t.changes
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.unknown != nil {
		return broker.Refuse(remoting.RespServiceNotAvailable, "%v: a newer pairmqd has kept changes here: %v", config.ErrChange, c.unknown)
	}
	old := c.now.Load()
	next := *old
	var err error
	next.cfg, next.all, err = config.Change(&c.files, old.all, req.Body)
	if errors.Is(err, config.ErrChange) {
		return broker.Refuse(remoting.RespInvalidParameter, "%v", err)
	}
	if err != nil {
		return err
	}
	if t.store.Stats().ReadOnly {
		return broker.Refuse(remoting.RespServiceNotAvailable, "%v: the broker's store takes no writes now, so that nothing could be kept", config.ErrChange)
	}
	// First, so that a failure to keep it leaves the broker as it was; should the broker
	// refuse it, what was kept goes back.
	if err := t.keepChanges(next.all); err != nil {
		return err
	}
	if err := t.broker.Set(brokerSettings(&next.cfg)); err != nil {
		if back := t.keepChanges(old.all); back != nil {
			t.log.Error("a change of the configuration that failed counts after a restart", "change", next.all.String(), "err", back)
		}
		return err
	}
	perm := next.cfg.BrokerPermission != old.cfg.BrokerPermission
	if perm {
		next.permChanges, next.permAt = old.permChanges+1, time.Now().UnixMilli()
	}
	c.now.Store(&next)
	t.said.Log("configuration changed by updateBrokerConfig", "by", req.Conn().RemoteAddr().String(), "otherThanFiles", next.all.String())
	if perm {
		t.reg.Notify()
	}
	req.Reply(&remoting.Response{})
	return nil
}

// readAgain has what is shown be what the files say now.
func (c *changes) readAgain(next *config.Live) {
	c.changing.Lock()
	defer c.changing.Unlock()
	now := *c.now.Load()
	c.files.Live, now.cfg.Live = *next, *next
	c.now.Store(&now)
}

// registered are the topics as name servers are told them: with what brokerPermission
// leaves of their permissions, so that clients go elsewhere.
func (t *tenure) registered() ([]table.Topic, table.DataVersion) {
	all, version := t.store.Topics()
	now := t.changes.now.Load()
	version.Counter += now.permChanges
	version.Timestamp = max(version.Timestamp, now.permAt)
	perm, both := int32(now.cfg.BrokerPermission), table.PermRead|table.PermWrite
	if perm&both == both {
		return all, version
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].Perm &= perm | table.PermInherit
	}
	return all, version
}
