package diskfault

// A tree is the folders and the entries in them.
type tree struct {
	dirs    map[string]bool     // MkdirAll syncs them, so the medium has the same
	seen    map[string]*content // files as programs see them, by name
	medium  map[string]entry    // files as the medium has them
	pending []entries           // not synced, in order
	created int                 // contents so far
	changes int                 // entries so far
}

// An entry is what the medium has under one name: nothing, if c is nil.
type entry struct {
	c  *content
	at int // number of the change it came with
}

// An entries is one change of entries, which the medium has whole or not.
type entries struct {
	at     int
	names  []string // and what they name afterwards, nil for nothing:
	files  []*content
	needed []string // folders that have to be synced first
}

func newTree() tree {
	return tree{dirs: map[string]bool{"": true}, seen: make(map[string]*content), medium: make(map[string]entry)}
}

// change makes a change of entries, which the medium has when the folders of
// all names were synced.
func (t *tree) change(names []string, files []*content) {
	t.changes++
	e := entries{at: t.changes, names: names, files: files}
	for i, name := range names {
		if files[i] == nil {
			delete(t.seen, name)
		} else {
			t.seen[name] = files[i]
		}
		if dir := folder(name); i == 0 || dir != e.needed[0] {
			e.needed = append(e.needed, dir)
		}
	}
	t.pending = append(t.pending, e)
}

// sync makes the entries of one folder durable.
func (t *tree) sync(dir string) {
	var rest []entries
	for _, e := range t.pending {
		var needed []string
		for _, d := range e.needed {
			if d != dir {
				needed = append(needed, d)
			}
		}
		if len(needed) == 0 {
			e.apply(t.medium)
			continue
		}
		e.needed = needed
		rest = append(rest, e)
	}
	t.pending = rest
}

// apply makes the change, except where a later one came first.
func (e *entries) apply(medium map[string]entry) {
	for i, name := range e.names {
		if medium[name].at < e.at {
			medium[name] = entry{e.files[i], e.at}
		}
	}
}

// survive returns the tree as it is found after the power came back. It shares
// nothing with t.
func (t *tree) survive(o odds) tree {
	found := make(map[string]entry, len(t.medium))
	for name, e := range t.medium {
		found[name] = e
	}
	for _, e := range t.pending {
		if o.keep() {
			e.apply(found)
		}
	}
	fresh := newTree()
	fresh.created, fresh.changes = t.created, t.changes
	for dir := range t.dirs {
		fresh.dirs[dir] = true
	}
	byID := make([][]string, t.created+1) // in the order of creation: chance must not depend on a map's
	for name, e := range found {
		if e.c != nil {
			byID[e.c.id] = append(byID[e.c.id], name)
		}
	}
	for _, names := range byID {
		if len(names) == 0 {
			continue
		}
		old := found[names[0]].c
		b := old.survive(o)
		c := &content{id: old.id, seen: b, medium: append([]byte(nil), b...)}
		for _, name := range names {
			fresh.seen[name] = c
			fresh.medium[name] = entry{c: c, at: found[name].at}
		}
	}
	return fresh
}

// bytes is the size of all files together.
func (t *tree) bytes() (n int64) {
	for _, c := range t.seen {
		n += int64(len(c.seen))
	}
	return n
}
