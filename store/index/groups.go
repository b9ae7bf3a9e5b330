package index

import (
	"errors"
	"maps"
	"sort"

	"go.etcd.io/bbolt"

	"pairmq/store/table"
)

// Group returns one subscription group's configuration.
func (x *Index) Group(name string) (table.Group, bool) {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	g, ok := x.tables.groups[name]
	return cloneGroup(g), ok
}

// Groups returns every subscription group, by name, and the version of the
// table.
func (x *Index) Groups() ([]table.Group, table.DataVersion) {
	x.tables.mu.RLock()
	defer x.tables.mu.RUnlock()
	groups := make([]table.Group, 0, len(x.tables.groups))
	for _, g := range x.tables.groups {
		groups = append(groups, cloneGroup(g))
	}
	sort.Slice(groups, func(i, j int) bool { return groups[i].Name < groups[j].Name })
	return groups, x.tables.groupsVersion
}

func cloneGroup(g table.Group) table.Group {
	g.Attributes = maps.Clone(g.Attributes)
	return g
}

// PutGroup adds or replaces a subscription group; see PutGroups.
func (x *Index) PutGroup(g table.Group) error { return x.PutGroups([]table.Group{g}) }

// PutGroups adds or replaces subscription groups as PutTopics does topics.
func (x *Index) PutGroups(groups []table.Group) error {
	x.write.Lock()
	defer x.write.Unlock()
	changed := make([]table.Group, 0, len(groups))
	for _, g := range groups {
		if old, ok := x.tables.groups[g.Name]; !ok || !equalGroups(old, g) {
			changed = append(changed, cloneGroup(g))
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return x.changeGroups(func(tx *bbolt.Tx) error {
		for i := range changed {
			if err := putMsgp(tx, bucketGroups, changed[i].Name, &changed[i]); err != nil {
				return err
			}
		}
		return nil
	}, func(all map[string]table.Group) {
		for _, g := range changed {
			all[g.Name] = g
		}
	})
}

// DeleteGroup forgets a subscription group; it is durable on return. What its
// consumers committed stays: see DeleteOffsets.
func (x *Index) DeleteGroup(name string) error {
	x.write.Lock()
	defer x.write.Unlock()
	if _, ok := x.tables.groups[name]; !ok {
		return nil
	}
	return x.changeGroups(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketGroups)).Delete([]byte(name)) },
		func(groups map[string]table.Group) { delete(groups, name) })
}

func (x *Index) changeGroups(commit func(*bbolt.Tx) error, show func(map[string]table.Group)) error {
	version := x.tables.groupsVersion.Next(x.opts.Now().UnixMilli())
	return x.changeTables(func(tx *bbolt.Tx) error {
		return errors.Join(commit(tx), putMsgp(tx, bucketState, stateGroups, version))
	}, func(all *tables) {
		show(all.groups)
		all.groupsVersion = version
	})
}

func equalGroups(a, b table.Group) bool {
	if !maps.Equal(a.Attributes, b.Attributes) {
		return false
	}
	x, err1 := marshalGroup(a)
	y, err2 := marshalGroup(b)
	return err1 == nil && err2 == nil && x == y
}

// marshalGroup returns the group without its attributes, whose order varies.
func marshalGroup(g table.Group) (string, error) {
	g.Attributes = nil
	b, err := g.MarshalMsg(nil)
	return string(b), err
}
