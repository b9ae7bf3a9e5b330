package main

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A credential is who the kernel says is at the other end of a unix socket.
type credential struct {
	uid, gid int
	groups   []uint32 // besides gid; none where the kernel (before 4.13) does not tell
}

// nobody is who a kernel says it is where it cannot say: of a user that its namespace does
// not have, such as all but three under the unit's PrivateUsers=.
const nobody = 65534

// maxPeerGroups is how many groups of a peer are looked at: the kernel lets a user have so many.
const maxPeerGroups = 65536

// peerOf asks the kernel who has connected.
func peerOf(nc *net.UnixConn) (c credential, err error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return c, err
	}
	c = credential{uid: nobody, gid: nobody}
	outer := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil {
			return
		}
		c.uid, c.gid = int(cred.Uid), int(cred.Gid)
		c.groups, err = peerGroups(fd)
	})
	return c, errors.Join(outer, err)
}

// peerGroups returns the further groups of who has connected to a socket.
func peerGroups(fd uintptr) ([]uint32, error) {
	for most := 64; ; most = maxPeerGroups {
		groups := make([]uint32, most)
		size := uint32(4 * most)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS, uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0 && int(size) <= 4*most:
			return groups[:size/4], nil
		case errno == unix.ENOPROTOOPT || errno == unix.ENOSYS:
			return nil, nil
		case errno == unix.ERANGE && most < maxPeerGroups:
			continue
		}
		return nil, fmt.Errorf("groups of a peer: %w", errno)
	}
}

// trusted says whether a peer may do everything: root, the user that the daemon is, and who
// is of its group.
func (c credential) trusted(uid, gid int) bool {
	switch {
	case c.uid == 0, c.uid == uid && uid != nobody:
		return true
	case gid == nobody:
		return false
	case c.gid == gid:
		return true
	}
	for _, g := range c.groups {
		if int(g) == gid {
			return true
		}
	}
	return false
}
