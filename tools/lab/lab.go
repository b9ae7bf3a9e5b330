package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A lab is what all cases share.
type lab struct {
	args
	kernel  kernel
	initrd  string
	debians []debian
}

// subject is what the machines run.
func (l *lab) subject() string {
	if l.booted != "" {
		return "Debian " + suite + " for " + strings.ReplaceAll(l.booted, ",", ", ")
	}
	return l.kernel.name
}

// tools are the programs that the lab runs, and Debian's packages of them.
func tools() map[string]string {
	return map[string]string{"qemu-system-x86_64": "qemu-system-x86", "nbdkit": "nbdkit", "xz": "xz-utils", "mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "mkfs.f2fs": "f2fs-tools", "fsck.f2fs": "f2fs-tools"}
}

// prepare installs what is missing and builds what every machine boots.
func (l *lab) prepare(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: file systems are made, and packages installed, as root", errUnable)
	}
	chosen, err := findArches(l.booted)
	if err != nil {
		return err
	}
	need := tools()
	for _, a := range chosen {
		maps.Copy(need, a.tools())
	}
	if err := install(ctx, need); err != nil {
		return err
	}
	if l.cache == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			home = "run" // which git ignores
		}
		l.cache = filepath.Join(home, "pairmq-lab")
	}
	if l.booted == "" {
		if l.kernel, err = findKernel(ctx, l.cache); err != nil {
			return err
		}
	}
	if l.dir == "" {
		l.dir, err = os.MkdirTemp("", "lab-")
	} else if err = os.MkdirAll(l.dir, 0o755); err == nil {
		l.dir, err = filepath.Abs(l.dir)
	}
	if err != nil {
		return err
	}
	if l.booted != "" {
		return l.prepareDebians(ctx, chosen)
	}
	l.initrd = filepath.Join(l.dir, "initramfs")
	return writeInitramfs(l.initrd, l.guest, l.daemon, l.kernel)
}

// prepareDebians has a system for each of some architectures, and the packages for it.
func (l *lab) prepareDebians(ctx context.Context, chosen []arch) (err error) {
	l.mirror = cmp.Or(l.mirror, ownMirror(ctx))
	for _, a := range chosen {
		for _, dir := range []string{l.debs, l.previous} {
			if _, err := onePackage(dir, a.name); err != nil {
				return err
			}
		}
		d, err := findDebian(ctx, a, l.cache, l.mirror)
		if err != nil {
			return err
		}
		l.debians = append(l.debians, d)
	}
	return nil
}

// onePackage returns the one package for an architecture in a folder.
func onePackage(dir, arch string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "pairmq_*_"+arch+".deb"))
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %s has %d packages for %s, which tools/lab/packages.sh makes", errUnable, dir, len(found), arch)
	}
	return found[0], nil
}

// install gets the packages of tools that are not there.
func install(ctx context.Context, need map[string]string) error {
	path := cmp.Or(os.Getenv("PATH"), "/usr/bin:/bin")
	if !strings.Contains(path, "/usr/sbin") { // where mkfs is
		os.Setenv("PATH", path+":/usr/sbin:/sbin")
	}
	missing := missingPackages(need)
	if len(missing) == 0 {
		return nil
	}
	fmt.Println("lab: installing", strings.Join(missing, " "))
	err := command(ctx, "apt-get", "update", "-q")
	if err == nil {
		err = command(ctx, "env", append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends"}, missing...)...)
	}
	if missing := missingPackages(need); len(missing) > 0 {
		return fmt.Errorf("%w: missing: apt-get install %s: %w", errUnable, strings.Join(missing, " "), err)
	}
	return nil
}

func missingPackages(need map[string]string) (pkgs []string) {
	for tool, pkg := range need {
		if _, err := exec.LookPath(tool); err != nil && !slices.Contains(pkgs, pkg) {
			pkgs = append(pkgs, pkg)
		}
	}
	if _, err := os.Stat("/usr/share/seabios"); errors.Is(err, fs.ErrNotExist) {
		pkgs = append(pkgs, "seabios")
	}
	slices.Sort(pkgs)
	return pkgs
}
