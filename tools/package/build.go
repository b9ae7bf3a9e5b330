package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/ipk"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// A builder makes the packages of one version.
type builder struct {
	args
	recipes string // packaging/
	version string
	date    time.Time
}

// build makes the packages of one target; what they need besides packaging/ is
// put into the folder stage.
func (b *builder) build(t target, stage string) error {
	if err := b.prepare(t, stage); err != nil {
		return err
	}
	for _, format := range t.formats {
		if !b.wants(format) {
			continue
		}
		info, err := b.recipe(t, stage, format)
		if err != nil {
			return err
		}
		if err := b.packageAs(format, info); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	if !b.wants("tar.gz") {
		return nil
	}
	return b.create(fmt.Sprintf("pairmq-%s-%s.tar.gz", b.version, t.dir), func(w io.Writer) error {
		return b.tarball(w, t, stage)
	})
}

// recipe reads nfpm.yaml for one package.
func (b *builder) recipe(t target, stage, format string) (*nfpm.Info, error) {
	text, err := os.ReadFile(filepath.Join(b.recipes, "nfpm.yaml"))
	if err != nil {
		return nil, err
	}
	cfg, err := nfpm.Parse(strings.NewReader(b.expand(string(text), t, stage)))
	if err != nil {
		return nil, fmt.Errorf("nfpm.yaml: %w", err)
	}
	info, err := cfg.Get(format)
	if err != nil {
		return nil, fmt.Errorf("nfpm.yaml: %w", err)
	}
	for _, c := range info.Contents { // relative to packaging/, wherever this runs
		if c.Source != "" && !filepath.IsAbs(c.Source) {
			c.Source = filepath.Join(b.recipes, c.Source)
		}
		if format != "rpm" && c.Type == files.TypeRPMDoc { // others have no such mark, and nfpm would leave the file out
			c.Type = files.TypeFile
		}
	}
	if format == "ipk" {
		info.IPK.Arch = t.openwrt
		info.Contents = slices.DeleteFunc(info.Contents, func(c *files.Content) bool { return notOnOpenWrt(c.Destination) })
	}
	for _, script := range []*string{&info.Scripts.PostInstall, &info.Scripts.PreRemove, &info.Scripts.PostRemove} {
		if *script != "" {
			*script = filepath.Join(b.recipes, *script)
		}
	}
	return nfpm.WithDefaults(info), nfpm.Validate(info)
}

// notOnOpenWrt says whether a router has no use for a file: it has no systemd, shows
// no pages and has little flash.
func notOnOpenWrt(path string) bool {
	for _, dir := range []string{"/usr/lib/systemd/", "/usr/lib/sysusers.d/", "/usr/lib/tmpfiles.d/", "/usr/share/man/",
		"/usr/share/bash-completion/", "/usr/share/zsh/", "/usr/share/lintian/", "/usr/share/doc/pairmq/examples"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// expand puts what differs from package to package in the place of ${...}.
func (b *builder) expand(text string, t target, stage string) string {
	return os.Expand(text, func(name string) string {
		switch name {
		case "ARCH":
			return t.arch
		case "VERSION":
			return b.version
		case "DATE":
			return b.date.Format(time.RFC3339)
		case "BIN":
			return filepath.Join(b.bin, t.dir)
		case "STAGE":
			return stage
		}
		return "${" + name + "}"
	})
}

func (b *builder) packageAs(format string, info *nfpm.Info) error {
	p, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	return b.create(p.ConventionalFileName(info), func(w io.Writer) error { return p.Package(info, w) })
}

// create writes a package and says its name.
func (b *builder) create(name string, write func(io.Writer) error) error {
	path := filepath.Join(b.out, name)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
