package replica

import (
	"maps"
	"reflect"
	"slices"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// copyTopics makes the topics those of an answer to 21. A master of ours tells
// where in the log topics were deleted, and so also which were made again since:
// these have here what they have there, wherever this log ends.
func (c *Copier) copyTopics(s *copyStep, resp *remoting.Command) error {
	e, err := decodeTopics(resp.Body, c.opts.MaxTopics)
	if err != nil {
		return err
	}
	marks, err := decodeDeleted(resp.Body)
	if err != nil {
		return err
	}
	c.left(s, e.refused, e.why)
	have, _ := c.opts.Metadata.Topics()
	d := compare(have, e, func(t *table.Topic) string { return t.Name }, sameTopic)
	switch whole := e.complete(resp.Fields, "totalTopicNum"); {
	case !c.removes(s, len(d.gone)):
		d.gone, marks = nil, nil
	case !whole:
		d.gone = nil
	}
	defer c.changedTopics(&d) // also where only some of them could be
	if err := c.deleteTopics(&d, marks); err != nil {
		return err
	}
	if len(d.put) == 0 {
		return nil
	}
	if err := c.opts.Metadata.PutTopics(d.put); err != nil {
		return err
	}
	c.log.Info("topics copied from the master", "changed", len(d.put))
	return nil
}

// changedTopics says that topics have changed, if d says so.
func (c *Copier) changedTopics(d *difference[table.Topic]) {
	if len(d.put)+len(d.gone) > 0 {
		c.opts.Changed()
	}
}

// deleteTopics deletes the topics that are gone, and what others had before they
// were deleted and made again. What was committed for these since is to be copied.
func (c *Copier) deleteTopics(d *difference[table.Topic], marks map[string]int64) error {
	for _, name := range d.gone {
		err := error(nil)
		if below, marked := marks[name]; marked {
			_, err = c.opts.Metadata.DeleteTopicBelow(name, below, true)
			delete(marks, name)
		} else {
			err = c.opts.Metadata.DeleteTopic(name)
		}
		if err != nil {
			return err
		}
		c.log.Info("topic deleted: the master does not have it", "topic", name)
	}
	for _, name := range slices.Sorted(maps.Keys(marks)) {
		done, err := c.opts.Metadata.DeleteTopicBelow(name, marks[name], false)
		if err != nil {
			return err
		}
		if done {
			c.redo = true
			c.log.Info("what a topic had was deleted, as it was at the master", "topic", name, "phyOffset", marks[name])
		}
	}
	return nil
}

// copyGroups makes the subscription groups those of an answer to 201.
func (c *Copier) copyGroups(s *copyStep, resp *remoting.Command) error {
	e, err := decodeGroups(resp.Body, c.opts.MaxGroups)
	if err != nil {
		return err
	}
	c.left(s, e.refused, e.why)
	have, _ := c.opts.Metadata.Groups()
	d := compare(have, e, func(g *table.Group) string { return g.Name }, sameGroup)
	if !e.complete(resp.Fields, "totalGroupNum") || !c.removes(s, len(d.gone)) {
		d.gone = nil
	}
	if len(d.put)+len(d.gone) == 0 {
		return nil
	}
	if err := c.opts.Metadata.PutGroups(d.put); err != nil {
		return err
	}
	for _, name := range d.gone {
		if err := c.opts.Metadata.DeleteGroup(name); err != nil {
			return err
		}
		c.log.Info("subscription group deleted: the master does not have it", "group", name)
	}
	c.log.Info("subscription groups copied from the master", "changed", len(d.put), "deleted", len(d.gone))
	return nil
}

// complete says whether e is the whole table: it is not empty, and if the answer
// says how many entries there are, it has them.
func (e *entries[T]) complete(f remoting.Fields, total string) bool {
	n, err := f.Int64Or(total, 0)
	return err == nil && len(e.byName) > 0 && n <= int64(e.count())
}

// A difference is what makes one table another.
type difference[T any] struct {
	put  []T // by name
	gone []string
}

// compare returns what makes have the table that the master has. An entry that
// the master has but that was refused stays as it is.
func compare[T any](have []T, master entries[T], name func(*T) string, same func(a, b T) bool) (d difference[T]) {
	old := make(map[string]*T, len(have))
	for i := range have {
		n := name(&have[i])
		old[n] = &have[i]
		if _, there := master.byName[n]; !there && !master.odd[n] {
			d.gone = append(d.gone, n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(master.byName)) {
		if v := master.byName[n]; old[n] == nil || !same(*old[n], v) {
			d.put = append(d.put, v)
		}
	}
	slices.Sort(d.gone)
	return d
}

func sameTopic(a, b table.Topic) bool {
	attributes := maps.Equal(a.Attributes, b.Attributes) // none and empty are the same
	a.Attributes, b.Attributes = nil, nil
	return attributes && reflect.DeepEqual(a, b)
}

func sameGroup(a, b table.Group) bool {
	attributes := maps.Equal(a.Attributes, b.Attributes)
	a.Attributes, b.Attributes = nil, nil
	return attributes && reflect.DeepEqual(a, b)
}
