package diskfault

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"pairmq/hal/disk"
)

// Open opens a file. One that is only in the real folder, where a library made
// it, is opened there: what happens to it is no operation of this disk.
func (f *FS) Open(name string) (disk.File, error) {
	name = clean(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, fmt.Errorf("diskfault: open %s: %w", name, f.down)
	}
	c, ok := f.tree.seen[name]
	if !ok && f.real != nil {
		return f.real.Open(name)
	}
	if !ok {
		return nil, fmt.Errorf("diskfault: open %s: %w", name, fs.ErrNotExist)
	}
	return &file{fs: f, c: c, name: name}, nil
}

// Create makes or empties a file.
func (f *FS) Create(name string) (disk.File, error) {
	name = clean(name)
	var c *content
	err := f.do(Op{Kind: Create, Name: name}, func(v verdict) error {
		if v == fail {
			return nil
		}
		if !f.tree.dirs[folder(name)] || f.tree.dirs[name] {
			return fs.ErrNotExist
		}
		if c = f.tree.seen[name]; c != nil {
			f.used -= int64(len(c.seen))
			c.change(change{size: 0})
			return nil
		}
		f.tree.created++
		c = &content{id: f.tree.created}
		f.tree.change([]string{name}, []*content{c})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{fs: f, c: c, name: name}, nil
}

// Remove unlinks a file or an empty folder. A folder's end is durable at once.
func (f *FS) Remove(name string) error {
	name = clean(name)
	return f.do(Op{Kind: Remove, Name: name}, func(v verdict) error {
		if v == fail {
			return nil
		}
		if c, ok := f.tree.seen[name]; ok {
			f.used -= int64(len(c.seen))
			f.tree.change([]string{name}, []*content{nil})
			return nil
		}
		if f.tree.dirs[name] && name != "" {
			if len(f.list(name)) > 0 {
				return syscall.ENOTEMPTY
			}
			delete(f.tree.dirs, name)
			return nil
		}
		return f.inReal(v, func(real disk.FS) error { return real.Remove(name) })
	})
}

// Rename moves a file.
func (f *FS) Rename(oldName, newName string) error {
	oldName, newName = clean(oldName), clean(newName)
	return f.do(Op{Kind: Rename, Name: oldName}, func(v verdict) error {
		c, ok := f.tree.seen[oldName]
		switch {
		case v == fail:
			return nil
		case !ok:
			return f.inReal(v, func(real disk.FS) error { return real.Rename(oldName, newName) })
		case !f.tree.dirs[folder(newName)]:
			return fs.ErrNotExist
		case oldName == newName:
			return nil
		}
		if old := f.tree.seen[newName]; old != nil {
			f.used -= int64(len(old.seen))
		}
		f.tree.change([]string{oldName, newName}, []*content{nil, c})
		return nil
	})
}

// inReal does to the real folder what names a file there; it is durable at
// once. If the power goes at it, chance decides whether it happened.
func (f *FS) inReal(v verdict, do func(disk.FS) error) error {
	switch {
	case f.real == nil:
		return fs.ErrNotExist
	case v == cut && f.rng.IntN(2) == 0:
		return nil
	}
	return do(f.real)
}

// MkdirAll makes folders, durably, also in the real folder. If the power goes
// at it, chance decides how many of them there are.
func (f *FS) MkdirAll(dir string) error {
	dir = clean(dir)
	return f.do(Op{Kind: MkdirAll, Name: dir}, func(v verdict) error {
		if v == fail {
			return nil
		}
		made := ""
		for part := range strings.SplitSeq(dir, "/") {
			if v == cut && f.rng.IntN(2) == 0 {
				return nil
			}
			made = strings.TrimPrefix(made+"/"+part, "/")
			if f.tree.seen[made] != nil {
				return syscall.ENOTDIR
			}
			f.tree.dirs[made] = true
		}
		if f.real != nil {
			return f.real.MkdirAll(dir)
		}
		return nil
	})
}

// SyncDir makes the entries of a folder durable.
func (f *FS) SyncDir(dir string) error {
	dir = clean(dir)
	return f.do(Op{Kind: SyncDir, Name: dir}, func(v verdict) error {
		if !f.tree.dirs[dir] {
			return fs.ErrNotExist
		}
		f.stats.DirSyncs++
		if v == pass {
			f.tree.sync(dir)
		}
		return nil
	})
}

// ReadDir lists a folder, with what the real folder has beside it.
func (f *FS) ReadDir(dir string) ([]disk.Entry, error) {
	dir = clean(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, fmt.Errorf("diskfault: read folder %s: %w", dir, f.down)
	}
	if !f.tree.dirs[dir] {
		return nil, fmt.Errorf("diskfault: read folder %s: %w", dir, fs.ErrNotExist)
	}
	return f.list(dir), nil
}

// list is ReadDir of a folder that is there. f.mu is held.
func (f *FS) list(dir string) []disk.Entry {
	var list []disk.Entry
	for name, c := range f.tree.seen {
		if folder(name) == dir {
			list = append(list, disk.Entry{Name: base(name), Size: int64(len(c.seen))})
		}
	}
	for name := range f.tree.dirs {
		if name != "" && folder(name) == dir {
			list = append(list, disk.Entry{Name: base(name), Dir: true})
		}
	}
	if f.real != nil {
		more, _ := f.real.ReadDir(dir) // no such folder: nothing more
		for _, e := range more {
			if !slices.ContainsFunc(list, func(have disk.Entry) bool { return have.Name == e.Name }) {
				list = append(list, e)
			}
		}
	}
	slices.SortFunc(list, func(a, b disk.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
