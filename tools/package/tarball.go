package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// An entry is a file of the tarball.
type entry struct {
	from, to string
	mode     int64
}

// tarball writes the same as the packages have, for systems without deb or rpm,
// below one folder.
func (b *builder) tarball(w io.Writer, t target, stage string) error {
	recipe := func(name string) entry { return entry{filepath.Join(b.recipes, name), name, 0o644} }
	made := func(name, to string) entry { return entry{filepath.Join(stage, name), to, 0o644} }
	entries := []entry{
		{filepath.Join(b.bin, t.dir, "pairmq"), "pairmq", 0o755},
		{filepath.Join(b.bin, t.dir, "pairmqd"), "pairmqd", 0o755},
		recipe("pairmqd.conf"), recipe("systemd/pairmqd.service"), recipe("systemd/pairmqd@.service"), recipe("systemd/pairmqd.socket"),
		recipe("examples/own-partition.conf"), recipe("examples/notify-reload.conf"), {filepath.Join(b.recipes, "prometheus/pairmq.rules.yml"), "examples/pairmq.rules.yml", 0o644},
		recipe("sysusers.d/pairmq.conf"), recipe("tmpfiles.d/pairmq.conf"),
		made("pairmqd.8.gz", "man/pairmqd.8.gz"), made("pairmqd.conf.5.gz", "man/pairmqd.conf.5.gz"), made("pairmq.1.gz", "man/pairmq.1.gz"),
		made("pairmq.bash", "completion/pairmq.bash"), made("_pairmq", "completion/_pairmq"),
		made("copyright", "copyright"), made("third-party-notices", "third-party-notices"), made("sbom.cdx.json", "sbom.cdx.json"),
	}
	top := fmt.Sprintf("pairmq-%s-%s/", b.version, t.dir)
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(zw)
	folders := map[string]bool{}
	for _, e := range entries {
		for i, c := range top + e.to { // every folder comes before what it has
			if dir := (top + e.to)[:i+1]; c == '/' && !folders[dir] {
				folders[dir] = true
				if err := b.addMember(tw, tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil); err != nil {
					return err
				}
			}
		}
		content, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		if err := b.addMember(tw, tar.Header{Typeflag: tar.TypeReg, Name: top + e.to, Mode: e.mode}, content); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return zw.Close()
}

// addMember writes one member with the owner and the time that all have.
func (b *builder) addMember(tw *tar.Writer, h tar.Header, content []byte) error {
	h.Size, h.ModTime, h.Uname, h.Gname, h.Format = int64(len(content)), b.date, "root", "root", tar.FormatUSTAR
	if err := tw.WriteHeader(&h); err != nil {
		return err
	}
	_, err := tw.Write(content)
	return err
}
