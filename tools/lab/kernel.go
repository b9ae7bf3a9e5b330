package main

import (
	"bytes"
	"context"
	"encoding/binary"
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

// wanted are the kernel modules that the machine needs, by the name under which
// it loads each group. Checksums have no dependency that says so: file systems
// ask for them by name when they mount.
func wanted() []moduleGroup {
	return []moduleGroup{
		{"base", []string{"virtio_pci", "virtio_blk", "virtio_net"}},
		{"ext4", []string{"crc32c_generic", "ext4"}},
		{"f2fs", []string{"crc32_generic", "f2fs"}},
		{"flakey", []string{"dm-flakey"}},
		{"log-writes", []string{"dm-log-writes"}},
		{"snapshot", []string{"dm-snapshot"}},
	}
}

// A moduleGroup is loaded at once.
type moduleGroup struct {
	name  string
	files []string // or module names, as long as no files were found
}

// sectorBytes is what the kernel counts in.
const sectorBytes = 512

// A kernel is what a machine boots.
type kernel struct {
	name    string // of the package
	image   string // vmlinux
	modules []moduleGroup
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
	if err := keepKernel(ctx, filepath.Join(work, "root"), cache); err != nil {
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
	if len(lines) < 2 || lines[0] != fmt.Sprint(wanted()) {
		return k, errors.New("the cached kernel was kept for other modules")
	}
	k.name, k.image = lines[1], filepath.Join(cache, "vmlinux")
	for _, line := range lines[2:] {
		words := strings.Fields(line)
		g := moduleGroup{name: words[0]}
		for _, name := range words[1:] {
			g.files = append(g.files, filepath.Join(cache, name))
		}
		k.modules = append(k.modules, g)
	}
	return k, nil
}

// keepKernel copies the kernel and the modules out of an unpacked package.
func keepKernel(ctx context.Context, root, cache string) error {
	images, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	trees, _ := filepath.Glob(filepath.Join(root, "lib", "modules", "*"))
	if len(images) != 1 || len(trees) != 1 {
		return fmt.Errorf("%w: the kernel's package has %d images and %d trees of modules", errUnable, len(images), len(trees))
	}
	tree, err := readTree(trees[0])
	if err != nil {
		return err
	}
	order := fmt.Sprint(wanted()) + "\n" + filepath.Base(images[0]) + "\n"
	for _, g := range wanted() {
		files, err := tree.order(g.files)
		if err != nil {
			return err
		}
		order += g.name
		for _, f := range files {
			if err := copyFile(filepath.Join(cache, filepath.Base(f)), f); err != nil {
				return err
			}
			order += " " + filepath.Base(f)
		}
		order += "\n"
	}
	if err := unpackImage(ctx, filepath.Join(cache, "vmlinux"), images[0]); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(images[0]), err)
	}
	return os.WriteFile(filepath.Join(cache, "order"), []byte(order), 0o644)
}

// unpackImage takes the kernel itself out of a bzImage. The emulated processor
// would need ten seconds at every boot to do so; qemu starts the bare kernel as well
// (by the PVH protocol, which Debian's has).
//
// Format: Documentation/arch/x86/boot.rst. Sectors of set-up code at 0x1f1, the
// payload's offset behind them at 0x248, its length at 0x24c; the last four bytes
// of the payload are the length it will have.
func unpackImage(ctx context.Context, to, image string) error {
	b, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	if len(b) < 0x250 || string(b[0x202:0x206]) != "HdrS" {
		return fmt.Errorf("%w: it is no bzImage", errUnable)
	}
	begin := (int64(b[0x1f1])+1)*sectorBytes + int64(binary.LittleEndian.Uint32(b[0x248:]))
	size := int64(binary.LittleEndian.Uint32(b[0x24c:]))
	if size < 4 || begin+size > int64(len(b)) {
		return fmt.Errorf("%w: its payload of %d bytes at %d lies outside of it", errUnable, size, begin)
	}
	payload := b[begin : begin+size-4]
	if !bytes.HasPrefix(payload, []byte("\xfd7zXZ\x00")) {
		return fmt.Errorf("%w: it is not packed with xz, but begins with %x", errUnable, payload[:6])
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	c := exec.CommandContext(ctx, "xz", "--decompress", "--stdout", "--single-stream")
	c.Stdin, c.Stdout = bytes.NewReader(payload), out
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return out.Close()
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
