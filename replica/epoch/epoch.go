// Package epoch tells where the histories of two logs part.
//
// An epoch is a stretch of the commit log that one master wrote without losing
// any of it: a new one begins when a broker is made master, and when a master
// starts after a stop that was not clean. Two logs that share an epoch have the
// same bytes up to where either of them began the next one, if both copied one
// from the other. The package compares and extends such lists; it knows nothing
// of connections, records or files. RocketMQ without a controller has none of
// this: the format is ours.
package epoch

//go:generate go tool -modfile=../../tools/toolchain/go.mod msgp -file epoch.go -o epoch_gen.go -io=false -tests=false

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

//msgp:limit arrays:256

// Most is how many epochs a history keeps: the latest.
const Most = 256

// ErrHistory says that a list of epochs is not the history of any log.
var ErrHistory = errors.New("epoch: not a history")

// An Epoch is a stretch of log by one master.
type Epoch struct {
	Number int64  `json:"number" msg:"n"`    // grows when a broker is made master; from 1 on
	Boot   int64  `json:"boot" msg:"b"`      // grows within Number when its master may have lost its log's end
	ID     uint64 `json:"id,string" msg:"i"` // drawn by its master: two that count alike are not the same
	Start  int64  `json:"start" msg:"s"`     // physical offset of its first byte
}

// String returns "3", or "3.1" where a master began anew.
func (e Epoch) String() string {
	if e.Boot == 0 {
		return fmt.Sprint(e.Number)
	}
	return fmt.Sprintf("%d.%d", e.Number, e.Boot)
}

// Compare orders epochs by their numbers: negative if e came before o, 0 if
// they count alike, which does not make them the same.
func (e Epoch) Compare(o Epoch) int {
	if e.Number != o.Number {
		return cmpInt(e.Number, o.Number)
	}
	return cmpInt(e.Boot, o.Boot)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A History is the epochs of one log, the oldest first. A nil History is that
// of a log of which nothing is known. Its methods return new lists.
type History []Epoch

// Check says whether h can be a history: it fails with ErrHistory unless it
// ascends in number and start, and is no longer than Most.
func (h History) Check() error {
	if len(h) > Most {
		return fmt.Errorf("%w: %d epochs, at most %d are kept", ErrHistory, len(h), Most)
	}
	for i, e := range h {
		if e.Number < 1 || e.Boot < 0 || e.Start < 0 {
			return fmt.Errorf("%w: epoch %v at %d", ErrHistory, e, e.Start)
		}
		if i > 0 && (h[i-1].Compare(e) >= 0 || h[i-1].Start > e.Start) {
			return fmt.Errorf("%w: epoch %v at %d after %v at %d", ErrHistory, e, e.Start, h[i-1], h[i-1].Start)
		}
	}
	return nil
}

// Last is the latest epoch; the zero Epoch, which comes before all, if there is none.
func (h History) Last() Epoch {
	if len(h) == 0 {
		return Epoch{}
	}
	return h[len(h)-1]
}

// Common returns up to which offset two logs with these histories have the same
// bytes, as far as both reach; math.MaxInt64 if neither has begun an epoch that
// the other has not. known is false where they share no epoch.
func (h History) Common(o History) (end int64, known bool) {
	for i, e := range slices.Backward(h) {
		j := slices.Index(o, e)
		if j < 0 {
			continue
		}
		end = math.MaxInt64
		if i+1 < len(h) {
			end = h[i+1].Start
		}
		if j+1 < len(o) {
			end = min(end, o[j+1].Start)
		}
		return end, true
	}
	return 0, false
}

// Promoted is h after its log's holder was made master, with a log that ends at
// end (bytes). It begins a number that h has not had.
func (h History) Promoted(end int64, id uint64) History {
	return h.begin(Epoch{Number: h.Last().Number + 1, ID: id, Start: end})
}

// Booted is h after its master started with a log that ends at end (bytes) and
// may have been longer.
func (h History) Booted(end int64, id uint64) History {
	last := h.Last()
	return h.begin(Epoch{Number: max(last.Number, 1), Boot: last.Boot + 1, ID: id, Start: end})
}

// begin appends e, and drops what has no byte before it.
func (h History) begin(e Epoch) History {
	n := len(h)
	for n > 0 && h[n-1].Start >= e.Start {
		n--
	}
	next := append(slices.Clone(h[:n]), e)
	return next[max(0, len(next)-Most):]
}

// From is h without the epochs that ended before start, which is where the log
// begins now; the latest always stays.
func (h History) From(start int64) History {
	n := 0
	for n+1 < len(h) && h[n+1].Start <= start {
		n++
	}
	return slices.Clone(h[n:])
}
