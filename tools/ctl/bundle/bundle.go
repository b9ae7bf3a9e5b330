// Package bundle writes what a person who helps from afar needs to see into one file,
// tar.gz, of a bounded size and without secrets. What goes in is the command line's to
// gather.
package bundle

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxFile bounds one file, in bytes: of a longer one the end counts.
const maxFile = 2 << 20

// A Writer writes a bundle. Close it.
type Writer struct {
	folder string
	now    time.Time
	gz     *gzip.Writer
	tar    *tar.Writer
	failed []string
}

// New returns a Writer of files in a folder, made now.
func New(w io.Writer, folder string, now time.Time) *Writer {
	gz := gzip.NewWriter(w)
	return &Writer{folder: folder, now: now, gz: gz, tar: tar.NewWriter(gz)}
}

// Add adds a file. Secrets in the text are the caller's to take out: see Redact.
func (w *Writer) Add(name string, text []byte) error {
	if cut := len(text) - maxFile; cut > 0 {
		text = append(fmt.Appendf(nil, "(%d bytes before this are left out)\n", cut), text[cut:]...)
	}
	h := &tar.Header{Name: w.folder + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: w.now, Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.tar.Write(text)
	return err
}

// Miss notes why something is not there.
func (w *Writer) Miss(what string, err error) {
	w.failed = append(w.failed, fmt.Sprintf("%s: %s\n", what, Redact(err.Error())))
}

// Close adds missing.txt, which says what is not there, and ends the bundle.
func (w *Writer) Close() error {
	var err error
	if len(w.failed) > 0 {
		var text []byte
		for _, line := range w.failed {
			text = append(text, line...)
		}
		err = w.Add("missing.txt", text)
	}
	return errors.Join(err, w.tar.Close(), w.gz.Close())
}
