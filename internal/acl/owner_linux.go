package acl

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the group of the file that it replaces, which may be let read it. Who
// may not do that leaves it with their own.
func keepOwner(f *os.File, was fs.FileInfo) {
	if s, ok := was.Sys().(*syscall.Stat_t); ok && (int(s.Uid) != os.Geteuid() || int(s.Gid) != os.Getegid()) {
		_ = f.Chown(-1, int(s.Gid))
		_ = f.Chown(int(s.Uid), -1)
	}
}

// stampOf is the stamp of a file.
func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.ctime = sys.Ino, sys.Ctim.Nano()
	}
	return s
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
