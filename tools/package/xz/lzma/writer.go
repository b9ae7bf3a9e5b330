// Package lzma writes the format that came before .xz, which rpmpack offers too.
package lzma

import (
	"io"

	"github.com/ulikunitz/xz/internal/command"
)

// A Writer compresses to the .lzma format.
type Writer struct{ *command.Command }

// NewWriter begins a stream that goes to w; it is whole when Close has returned nil.
func NewWriter(w io.Writer) (*Writer, error) {
	c, err := command.Start(w, "--format=lzma", "--threads=1", "--lzma1=preset=6,dict=16MiB")
	return &Writer{c}, err
}
