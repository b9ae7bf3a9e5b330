package index

import (
	"errors"
	"fmt"
	"io/fs"

	"pairmq/hal/disk"
)

// KeepTables returns what the backup file called name must hold so that a new, empty
// index begins with a part of what the old one knew: with topics and groups if tables
// is set, and with what value makes of each value, nil for nothing. It returns nil if
// there is no such file, and fails with ErrDamaged if it cannot be read.
func KeepTables(fsys disk.FS, name string, tables bool, value func(key string, old []byte) []byte) ([]byte, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("index: open %s: %w", name, err)
	}
	defer f.Close()
	old, err := decodeBackup(f)
	if err != nil {
		return nil, fmt.Errorf("index: read %s: %w", name, err)
	}
	kept := backup{Generation: 1, Values: map[string][]byte{}}
	if tables {
		kept.Topics, kept.Groups, kept.TopicsVersion, kept.GroupsVersion = old.Topics, old.Groups, old.TopicsVersion, old.GroupsVersion
	}
	for key, v := range old.Values {
		if v = value(key, v); v != nil {
			kept.Values[key] = v
		}
	}
	content, err := kept.MarshalMsg(nil)
	if err != nil {
		return nil, fmt.Errorf("index: encode %s: %w", name, err)
	}
	return sealBackup(content), nil
}
