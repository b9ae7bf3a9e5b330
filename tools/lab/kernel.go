package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// metaPackage depends on Debian's newest kernel. The cloud kernel will not do: it has no f2fs.
const metaPackage = "linux-image-amd64"

// wanted are the kernel modules that the machine needs. Checksums have no
// dependency that says so: file systems ask for them by name when they mount.
func wanted() []string {
	return []string{"crc32c_generic", "crc32_generic", "virtio_pci", "virtio_blk", "virtio_net", "ext4", "f2fs", "dm-mod", "dm-flakey", "dm-log-writes", "dm-snapshot"}
}

// A kernel is what a machine boots.
type kernel struct {
	name    string   // of the package
	image   string   // vmlinuz
	modules []string // files, each behind those it needs
}

// findKernel returns the kernel in the cache. If there is none it downloads and
// unpacks Debian's package, of which it keeps the few files that are used.
func findKernel(ctx context.Context, cache string) (kernel, error) {
	if k, err := cachedKernel(cache); err == nil {
		return k, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return kernel{}, err
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return kernel{}, err
	}
	defer os.RemoveAll(work)
	pkg, err := download(ctx, work)
	if err != nil {
		return kernel{}, fmt.Errorf("%w: Debian's kernel: %w", errUnable, err)
	}
	if err := command(ctx, "dpkg-deb", "-x", pkg, filepath.Join(work, "root")); err != nil {
		return kernel{}, err
	}
	if err := keepKernel(filepath.Join(work, "root"), cache); err != nil {
		return kernel{}, err
	}
	return cachedKernel(cache)
}

// cachedKernel is complete if the file order is there, which is written last.
func cachedKernel(cache string) (k kernel, err error) {
	b, err := os.ReadFile(filepath.Join(cache, "order"))
	if err != nil {
		return k, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) < 2 || lines[0] != strings.Join(wanted(), " ") {
		return k, errors.New("the cached kernel was kept for other modules")
	}
	k.name = lines[1]
	k.image = filepath.Join(cache, "vmlinuz")
	for _, name := range lines[2:] {
		k.modules = append(k.modules, filepath.Join(cache, name))
	}
	return k, nil
}

// keepKernel copies the image and the modules out of an unpacked package.
func keepKernel(root, cache string) error {
	images, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	trees, _ := filepath.Glob(filepath.Join(root, "lib", "modules", "*"))
	if len(images) != 1 || len(trees) != 1 {
		return fmt.Errorf("%w: the kernel's package has %d images and %d trees of modules", errUnable, len(images), len(trees))
	}
	tree, err := readTree(trees[0])
	if err != nil {
		return err
	}
	files, err := tree.order(wanted())
	if err != nil {
		return err
	}
	order := strings.Join(wanted(), " ") + "\n" + filepath.Base(images[0]) + "\n"
	for _, f := range files {
		if err := copyFile(filepath.Join(cache, filepath.Base(f)), f); err != nil {
			return err
		}
		order += filepath.Base(f) + "\n"
	}
	if err := copyFile(filepath.Join(cache, "vmlinuz"), images[0]); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(cache, "order"), []byte(order), 0o644)
}

// download has apt-get fetch the package that metaPackage depends on into dir.
func download(ctx context.Context, dir string) (file string, err error) {
	name, err := dependency(ctx)
	if err != nil { // a fresh machine has no lists yet
		if err := command(ctx, "apt-get", "update", "-q"); err != nil {
			return "", err
		}
		if name, err = dependency(ctx); err != nil {
			return "", err
		}
	}
	get := func() error {
		c := exec.CommandContext(ctx, "apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", name)
		c.Dir = dir
		return runCommand(c)
	}
	if err := get(); err != nil { // the lists are older than the archive
		if err := command(ctx, "apt-get", "update", "-q"); err != nil {
			return "", err
		}
		if name, err = dependency(ctx); err != nil {
			return "", err
		}
		if err := get(); err != nil {
			return "", err
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	if len(files) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages", name, len(files))
	}
	return files[0], nil
}

// dependency is the name of the package with the kernel's version in it.
func dependency(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", metaPackage).Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache depends %s: %w", metaPackage, err)
	}
	m := regexp.MustCompile(`Depends: (linux-image-[0-9]\S+)`).FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s depends on no kernel", metaPackage)
	}
	return string(m[1]), nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
