package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxBody is the longest body that brokers take by default.
const maxBody = 4 << 20

// lines returns a function that gives one line of in after the other, without
// its end, "\n" or "\r\n", then io.EOF. It leaves out empty lines, which no
// client may send, and fails on a line longer than maxBody. A line is the
// caller's to keep.
func lines(in io.Reader) func() ([]byte, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	number := 0
	return func() ([]byte, error) {
		for {
			number++
			line, err := readLine(r, maxBody)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			if len(line) > 0 {
				return line, nil // the last one may come with io.EOF, and it comes again
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); err == nil {
			line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
		}
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("longer than %d bytes, which is what a broker takes", limit)
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}
