package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is the Debian that is booted.
const suite = "bookworm"

// debianFiles are what makes a plain Debian one that the host can use.
//
//go:embed debian
var debianFiles embed.FS

// A debian is a system that a machine boots. All of it was made by other programs
// of Debian, and is kept in the cache under a hash of what went in.
type debian struct {
	arch
	root   string // image of an ext4 file system
	kernel string
	initrd string
}

// packages are what the system has besides apt and what every Debian has.
const packages = "systemd-sysv,udev,procps,iproute2,kmod,e2fsprogs,busybox-static"

// rootSize is the size of the root file system; a file with holes.
const rootSize = "800M"

// findDebian returns the system for a from the cache, or makes it. For a foreign
// architecture that takes minutes, as its maintainer scripts are emulated.
func findDebian(ctx context.Context, a arch, cache, mirror string) (d debian, err error) {
	base := filepath.Join(cache, fmt.Sprintf("base-%s-%s-%s.tar", suite, a.name, hash(packages, mirror)))
	inside, err := embedded()
	if err != nil {
		return d, err
	}
	built := filepath.Join(cache, fmt.Sprintf("debian-%s-%s-%s", suite, a.name, hash(append(inside, packages, mirror, rootSize, fmt.Sprint(a))...)))
	d = debian{a, filepath.Join(built, "root.img"), filepath.Join(built, "kernel"), filepath.Join(built, "initrd")}
	if _, err := os.Stat(built); err == nil {
		return d, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return d, err
	}
	if _, err := os.Stat(base); err != nil {
		if err := bootstrap(ctx, a, base, mirror); err != nil {
			return d, fmt.Errorf("%w: Debian for %s: %w", errUnable, a.name, err)
		}
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return d, err
	}
	defer os.RemoveAll(work)
	if err := buildDebian(ctx, a, base, work); err != nil {
		return d, fmt.Errorf("%w: image of Debian for %s: %w", errUnable, a.name, err)
	}
	return d, os.Rename(filepath.Join(work, "built"), built)
}

// hash names a file after what went into it.
func hash(parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:10]
}

// embedded returns all of debianFiles, name and text.
func embedded() (all []string, err error) {
	entries, err := debianFiles.ReadDir("debian")
	for _, e := range entries {
		b, err := debianFiles.ReadFile("debian/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, e.Name(), string(b))
	}
	return all, err
}

// ownMirror is the archive that this machine's own packages come from, if it is a
// Debian of the same suite.
func ownMirror(ctx context.Context) string {
	const debian = "http://deb.debian.org/debian"
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)", "Created-By: Packages").Output()
	if err != nil {
		return debian
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == suite && f[2] == "main" && f[3] == "Debian" {
			return strings.TrimRight(f[0], "/")
		}
	}
	return debian
}

// bootstrap has mmdebstrap make a root file system, with the kernel's package in
// its folder boot.
func bootstrap(ctx context.Context, a arch, to, mirror string) error {
	fmt.Printf("lab: Debian %s for %s from %s: some minutes, once\n", suite, a.name, mirror)
	if err := emulateUser(ctx, a.user); err != nil {
		return err
	}
	// Outside of the new system, so that the download is not emulated; its lists are of the right architecture.
	kernel := `cd "$1/boot" && export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG && apt-get download -q -o APT::Sandbox::User=root ` +
		`$(apt-cache depends ` + a.kernel + ` | sed -n 's/.*Depends: \(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)`
	part := strings.TrimSuffix(to, ".tar") + ".part.tar"
	defer os.Remove(part)
	err := command(ctx, "mmdebstrap", "--quiet", "--variant=minbase", "--architectures="+a.name, "--include="+packages,
		`--aptopt=APT::Install-Recommends "false"`, "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--customize-hook="+kernel, suite, part, mirror)
	if err != nil {
		return err
	}
	return os.Rename(part, to)
}

// emulateUser has the kernel run programs of a foreign architecture, which a machine
// where qemu-user-static's own set-up did not run, such as a container, does not.
func emulateUser(ctx context.Context, name string) error {
	const dir = "/proc/sys/fs/binfmt_misc"
	if name == "" {
		return nil
	}
	if _, err := os.Stat(dir + "/register"); err != nil {
		if err := command(ctx, "mount", "-t", "binfmt_misc", "binfmt_misc", dir); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dir + "/qemu-" + name); err == nil {
		return nil
	}
	b, err := os.ReadFile("/usr/lib/binfmt.d/qemu-" + name + ".conf")
	if err != nil {
		return err
	}
	return os.WriteFile(dir+"/register", []byte(strings.TrimSpace(string(b))), 0o200)
}

// buildDebian makes the folder built in work: the image, the kernel, the initrd.
func buildDebian(ctx context.Context, a arch, base, work string) error {
	root, unpacked, built := filepath.Join(work, "root"), filepath.Join(work, "kernel"), filepath.Join(work, "built")
	for _, dir := range []string{root, unpacked, built} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	// The kernel's package is in the folder boot, and goes from there.
	if err := command(ctx, "tar", "-C", root, "-xf", base, "--exclude=./dev/*"); err != nil {
		return err
	}
	pkgs, _ := filepath.Glob(filepath.Join(root, "boot", "linux-image-*.deb"))
	if len(pkgs) != 1 {
		return fmt.Errorf("%s has %d kernels", base, len(pkgs))
	}
	if err := command(ctx, "dpkg-deb", "-x", pkgs[0], unpacked); err != nil {
		return err
	}
	if err := os.Remove(pkgs[0]); err != nil {
		return err
	}
	if err := keepDebianKernel(ctx, a, unpacked, root, built); err != nil {
		return err
	}
	if err := addLab(ctx, root); err != nil {
		return err
	}
	return command(ctx, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "0", "-d", root, filepath.Join(built, "root.img"), rootSize)
}

// keepDebianKernel takes the kernel out of its unpacked package and makes an
// initrd of the modules that are needed and of busybox. All modules are loaded there:
// the system itself needs none.
func keepDebianKernel(ctx context.Context, a arch, unpacked, root, built string) error {
	images, _ := filepath.Glob(filepath.Join(unpacked, "boot", "vmlinuz-*"))
	trees, _ := filepath.Glob(filepath.Join(unpacked, "lib", "modules", "*"))
	if len(images) != 1 || len(trees) != 1 {
		return fmt.Errorf("the kernel's package has %d images and %d trees of modules", len(images), len(trees))
	}
	kernel := filepath.Join(built, "kernel")
	keep := func() error { return copyFile(kernel, images[0]) }
	if a.bare {
		keep = func() error { return unpackImage(ctx, kernel, images[0]) }
	}
	if err := keep(); err != nil {
		return err
	}
	tree, err := readTree(trees[0])
	if err != nil {
		return err
	}
	files, err := tree.order(a.modules())
	if err != nil {
		return err
	}
	var initrd archive
	for _, dir := range []string{"bin", "modules"} {
		initrd.add(dir, modeDir, nil)
	}
	order := ""
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		initrd.add("modules/"+filepath.Base(f), modeFile, b)
		order += filepath.Base(f) + "\n"
	}
	initrd.add("modules/order", modeFile, []byte(order))
	busybox, err := os.ReadFile(filepath.Join(root, "usr/bin/busybox"))
	if err != nil {
		return err
	}
	initrd.add("bin/busybox", modeFile, busybox)
	init, err := debianFiles.ReadFile("debian/init")
	if err != nil {
		return err
	}
	initrd.add("init", modeFile, init)
	return os.WriteFile(filepath.Join(built, "initrd"), initrd.bytes(), 0o644)
}

// addLab adds to a system what lets the host use it, and masks units that an
// emulated processor would spend seconds on.
func addLab(ctx context.Context, root string) error {
	write := func(name, from string, mode os.FileMode) error {
		b, err := debianFiles.ReadFile("debian/" + from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, name), b, mode)
	}
	masked, err := debianFiles.ReadFile("debian/masked")
	if err != nil {
		return err
	}
	units := filepath.Join(root, "etc/systemd/system")
	err = errors.Join(
		write("usr/lib/lab/agent", "agent", 0o755), write("usr/lib/lab/net", "net", 0o755),
		write("etc/systemd/system/lab-agent.service", "lab-agent.service", 0o644), write("etc/systemd/system/lab-net.service", "lab-net.service", 0o644),
		// Empty, not absent: the kernel's command line has it, and this is no first boot.
		os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o644),
		os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("gateway\n"), 0o644),
		os.WriteFile(filepath.Join(root, "etc/fstab"), nil, 0o644),
		os.MkdirAll(filepath.Join(units, "multi-user.target.wants"), 0o755),
		os.Symlink("/etc/systemd/system/lab-agent.service", filepath.Join(units, "multi-user.target.wants", "lab-agent.service")),
		os.Symlink("/etc/systemd/system/lab-net.service", filepath.Join(units, "multi-user.target.wants", "lab-net.service")),
		command(ctx, "touch", filepath.Join(root, "etc/.updated"), filepath.Join(root, "var/.updated")),
	)
	for _, unit := range strings.Fields(string(masked)) {
		file := filepath.Join(units, unit)
		if rm := os.Remove(file); rm != nil && !errors.Is(rm, os.ErrNotExist) {
			err = cmp.Or(err, rm)
		}
		err = cmp.Or(err, os.Symlink("/dev/null", file))
	}
	return err
}
