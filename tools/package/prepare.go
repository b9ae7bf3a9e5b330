package main

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// prepare writes into stage what a package has besides the programs and what
// lies in packaging/.
func (b *builder) prepare(t target, stage string) error {
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return err
	}
	made := map[string]func() ([]byte, error){
		"pairmqd.8.gz":        func() ([]byte, error) { return b.page("man/pairmqd.8") },
		"pairmq.1.gz":         func() ([]byte, error) { return b.page("man/pairmq.1") },
		"pairmqd.conf.5.gz":   b.configPage,
		"pairmq.bash":         func() ([]byte, error) { return b.completion("bash") },
		"_pairmq":             func() ([]byte, error) { return b.completion("zsh") },
		"copyright":           func() ([]byte, error) { return os.ReadFile(filepath.Join(b.recipes, "copyright")) },
		"changelog.yaml":      func() ([]byte, error) { return b.changelog(t, stage) },
		"sbom.cdx.json":       func() ([]byte, error) { return b.withModules(t, b.bill) },
		"third-party-notices": func() ([]byte, error) { return b.withModules(t, b.notices) },
	}
	for name, make := range made {
		text, err := make()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(stage, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// page is a man page of packaging/, as it is installed.
func (b *builder) page(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.recipes, name))
	if err != nil {
		return nil, err
	}
	return compressed(text)
}

// configPage is the man page of what packaging/pairmqd.conf sets.
func (b *builder) configPage() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.recipes, "pairmqd.conf"))
	if err != nil {
		return nil, err
	}
	page, err := configPage(string(text))
	if err != nil {
		return nil, err
	}
	return compressed(page)
}

// compressed is text as gzip, without name and time.
func compressed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// completion is what the command line itself prints for a shell.
func (b *builder) completion(shell string) ([]byte, error) {
	out, err := exec.Command(b.command, "completion", shell).Output()
	if err != nil {
		return nil, fmt.Errorf("%s completion %s: %w", b.command, shell, err)
	}
	return out, nil
}

func (b *builder) changelog(t target, stage string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.recipes, "changelog.yaml"))
	if err != nil {
		return nil, err
	}
	return []byte(b.expand(string(text), t, stage)), nil
}

// withModules has a text made of what the linker wrote into both programs.
func (b *builder) withModules(t target, make func(program, []linked) ([]byte, error)) ([]byte, error) {
	var infos []*buildinfo.BuildInfo
	for _, name := range []string{"pairmqd", "pairmq"} {
		info, err := buildinfo.ReadFile(filepath.Join(b.bin, t.dir, name))
		if err != nil {
			return nil, fmt.Errorf("%w; make cross builds it", err)
		}
		infos = append(infos, info)
	}
	return make(program{version: b.version, date: b.date, arch: t.dir}, modules(infos))
}
