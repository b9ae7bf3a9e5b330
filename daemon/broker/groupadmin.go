package broker

import (
	"encoding/json"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// updateGroup serves UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, 200.
func (b *Broker) updateGroup(req *remoting.Request) error {
	g := table.DefaultGroup("") // what a body leaves out
	if err := b.decodeJSON(req.Body, &g); err != nil {
		return err
	}
	if err := b.putGroup(g); err != nil {
		return err
	}
	replyDone(req)
	return nil
}

// updateGroups serves UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, 225: each in
// turn until one is refused.
func (b *Broker) updateGroups(req *remoting.Request) error {
	var body struct {
		Groups []json.RawMessage `json:"groupConfigList"`
	}
	if err := b.decodeJSON(req.Body, &body); err != nil {
		return err
	}
	for _, raw := range body.Groups {
		g := table.DefaultGroup("")
		if err := b.decodeJSON(raw, &g); err != nil {
			return err
		}
		if err := b.putGroup(g); err != nil {
			return err
		}
	}
	replyDone(req)
	return nil
}

// putGroup makes or changes a group after checking what a client wants of it.
func (b *Broker) putGroup(g table.Group) error {
	if err := b.onlyMaster("change subscription groups at the master"); err != nil {
		return err
	}
	if err := table.CheckGroupName(g.Name); err != nil {
		return err
	}
	if g.RetryQueueNums < 0 || g.RetryQueueNums > maxQueues {
		return refuse(remoting.RespInvalidParameter, "%d retry queues; 0 to %d are allowed", g.RetryQueueNums, maxQueues)
	}
	if len(g.Attributes) > maxAttributes {
		return refuse(remoting.RespInvalidParameter, "%d attributes, at most %d are allowed", len(g.Attributes), maxAttributes)
	}
	for key, value := range g.Attributes {
		if len(key) > maxAttributeLen || len(value) > maxAttributeLen {
			return errAttributes(key)
		}
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	if _, ok := b.store.Group(g.Name); !ok {
		if err := b.roomForGroup(b.opts.MaxGroups); err != nil {
			return err
		}
	}
	if err := b.store.PutGroup(g); err != nil {
		return err
	}
	b.said.Log("subscription group set", "group", g.Name, "consumeEnable", g.ConsumeEnable)
	return nil
}

// deleteGroup serves DELETE_SUBSCRIPTIONGROUP, 207, with its consumer offsets
// if so asked, by 4.x or by 5.x. There need not be one.
func (b *Broker) deleteGroup(req *remoting.Request) error {
	name := req.Fields.Get("groupName")
	if err := b.onlyMaster("delete subscription groups at the master"); err != nil {
		return err
	}
	remove4, err := req.Fields.BoolOr("removeOffset", false)
	if err != nil {
		return err
	}
	remove5, err := req.Fields.BoolOr("cleanOffset", false)
	if err != nil {
		return err
	}
	if err := table.CheckGroupName(name); err != nil { // the store keeps more by names that no group has
		return err
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	if _, ok := b.store.Group(name); ok {
		if err := b.forgetPopped(name, "", func() error { return b.store.DeleteGroup(name) }); err != nil {
			return err
		}
		b.flows.forget(func(k flowKey) bool { return k.kind != flowPut && k.group == name })
		b.said.Log("subscription group deleted", "group", name)
	}
	if remove4 || remove5 {
		if err := b.store.DeleteOffsets(name); err != nil {
			return err
		}
	}
	replyDone(req)
	return nil
}

// allGroups serves GET_ALL_SUBSCRIPTIONGROUP_CONFIG, 201. 5.4 asks in pages,
// and is given everything at once: it asks on until it has as many as totalGroupNum says.
func (b *Broker) allGroups(req *remoting.Request) error {
	all, version := b.store.Groups()
	if err := roomFor(req, len(all)); err != nil {
		return err
	}
	byName := make(map[string]table.Group, len(all))
	for _, g := range all {
		byName[g.Name] = g
	}
	return replyAll(req, "totalGroupNum", len(all), struct {
		Version   table.DataVersion      `json:"dataVersion"`
		Groups    map[string]table.Group `json:"subscriptionGroupTable"`
		Forbidden struct{}               `json:"forbiddenTable"`
	}{Version: version, Groups: byName})
}

// groupConfig serves GET_SUBSCRIPTIONGROUP_CONFIG, 352.
func (b *Broker) groupConfig(req *remoting.Request) error {
	name := req.Fields.Get("group")
	g, ok := b.store.Group(name)
	if !ok {
		return refuse(remoting.RespSubscriptionGroupNotExist, "subscription group %.255q does not exist", name)
	}
	return replyJSON(req, g)
}
