package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/replica/proof"
	"pairmq/store/reset"
)

// Exit codes. The units have systemd start again after exitFailed alone: with
// exitUsage and exitSurroundings the next start would fail as this one did, until a
// person has mended something.
const (
	exitOK           = iota
	exitFailed       // it may work the next time
	exitUsage        // the command line or the configuration is wrong
	exitSurroundings // the machine is not as the daemon needs it
)

// A startError ended the daemon before it served anybody. What is forbidden then is
// forbidden the next time, too; while it runs that is not sure.
type startError struct{ error }

func (e startError) Unwrap() error { return e.error }

// ended says why the daemon ends and what to do about it, in the log and to systemd,
// and returns the exit code.
func ended(err error, cfg *config.Config, log *slog.Logger) int {
	code, do := judge(err, cfg)
	args := []any{"err", err, "exitCode", code}
	if do != "" {
		args = append(args, "do", do)
	}
	log.Error("stopped", args...)
	notify(log, "STATUS="+strings.ReplaceAll(strings.Trim(err.Error()+"; "+do, "; "), "\n", " "))
	return code
}

// judge returns the exit code for an error that ended the daemon, and what a person
// can do about it, if the error does not say so itself.
func judge(err error, cfg *config.Config) (code int, do string) {
	_, atStart := errors.AsType[startError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	listening := isOp && op.Op == "listen"
	switch {
	case errors.Is(err, errUnsafeMount), errors.Is(err, reset.ErrDamaged):
		return exitSurroundings, ""
	case errors.Is(err, errNotMounted):
		return exitFailed, ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exitFailed, fmt.Sprintf("make room in the file system of %s, and set storeMaxBytes where others share it; it is tried again meanwhile", cfg.StoreRoot)
	case errors.Is(err, errSecretFile):
		return exitFailed, fmt.Sprintf("put a secret of at least %d bytes there, the same on both brokers, that uid %d may read; it is tried again meanwhile", proof.LeastSecret, os.Geteuid())
	case errors.Is(err, errCertificates):
		return exitFailed, fmt.Sprintf("put files there that fit together, and that uid %d may read; it is tried again meanwhile", os.Geteuid())
	case errors.Is(err, errAccounts):
		return exitFailed, fmt.Sprintf("put a file there that is right, and that uid %d may read; it is tried again meanwhile, and nobody is let in without it", os.Geteuid())
	case !atStart:
		return exitFailed, ""
	case listening:
		return judgeListen(err)
	case errors.Is(err, disk.ErrLocked):
		return exitFailed, fmt.Sprintf("end the other pairmqd, or the pairmq log rebuild-index, that works on %s (fuser %s shows it); it is tried again meanwhile",
			cfg.StoreRoot, filepath.Join(cfg.StoreRoot, "LOCK"))
	case errors.Is(err, fs.ErrPermission):
		return exitSurroundings, doAboutOwner(err, cfg.StoreRoot)
	case errors.Is(err, syscall.EROFS):
		return exitSurroundings, fmt.Sprintf("have %s on a file system that can be written: mount it rw, or look at the kernel's log if it was; a folder outside of /var/lib/pairmq needs ReadWritePaths= in the unit; then start again", cfg.StoreRoot)
	case errors.Is(err, syscall.ENOTDIR):
		return exitSurroundings, fmt.Sprintf("storePathRootDir is %s, and that or what is above it is a file: move it away, or name another folder", cfg.StoreRoot)
	}
	return exitFailed, ""
}

// judgeListen is judge for a port that cannot be listened on.
func judgeListen(err error) (code int, do string) {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return exitFailed, "see with ss -ltnp who listens there and end it, or choose other ports (listenPort, haListenPort, namesrvListenPort); it is tried again meanwhile"
	case errors.Is(err, fs.ErrPermission):
		return exitSurroundings, "ports below 1024 are for root: choose others, or give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE"
	}
	return exitFailed, ""
}

// doAboutOwner says who must own what, for something that may not be opened.
func doAboutOwner(err error, root string) string {
	uid := os.Geteuid()
	do := fmt.Sprintf("%s and all in it must belong to the user that pairmqd runs as: chown -R %d:%d %s, then start again", root, uid, os.Getegid(), root)
	path, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return do
	}
	for at := path.Path; ; at = filepath.Dir(at) { // what is not there could not be made in what is above it
		info, err := os.Stat(at)
		if err != nil && at == filepath.Dir(at) {
			return do
		}
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
			return fmt.Sprintf("%s belongs to uid %d, and pairmqd runs as %d; %s", at, st.Uid, uid, do)
		}
		return fmt.Sprintf("the mode of %s is %v; %s", at, info.Mode(), do)
	}
}
