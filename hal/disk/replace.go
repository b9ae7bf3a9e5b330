package disk

import "errors"

// Replace writes a whole file anew, under another name first, so that there is
// always a whole one. It is durable on return; after an error either content may
// be there. The name with ".tmp" behind it is Replace's own.
func Replace(fsys FS, name string, content []byte) error {
	f, err := fsys.Create(name + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(name+".tmp", name); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}
