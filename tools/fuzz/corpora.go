package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	fileBytes = 64 << 10 // a longer input is not kept: it slows down every start, and says little more
	maxFiles  = 64 << 10
)

// corpora are folders of inputs: PACKAGE/TARGET/FILE, each file as go test writes it.
type corpora struct{ dir string }

// of is the folder of which a target's own is a part, by its name.
func (c corpora) of(t target) string { return filepath.Join(c.dir, filepath.FromSlash(t.pkg)) }

// unpack adds what is in the archive; one that is not there is empty.
func (c corpora) unpack(archive string) (err error) {
	in, err := os.Open(archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", archive, err)
		}
	}()
	packed, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	files := tar.NewReader(packed)
	for range maxFiles {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(head.Name) || head.Typeflag != tar.TypeReg || head.Size > fileBytes {
			return fmt.Errorf("%q of %d bytes is no input", head.Name, head.Size)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		name := filepath.Join(c.dir, filepath.FromSlash(head.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d inputs", maxFiles)
}

// pack makes the archive of what is there, the same bytes of the same inputs.
func (c corpora) pack(archive string) error {
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer out.Close()
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	files := tar.NewWriter(packed)
	err = fs.WalkDir(os.DirFS(c.dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(name)))
		if err != nil || len(content) > fileBytes || strings.Count(path.Clean(name), "/") < 2 {
			return err
		}
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = files.Write(content)
		return err
	})
	return errors.Join(err, files.Close(), packed.Close(), out.Close())
}
