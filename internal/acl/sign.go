package acl

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"sort"
	"sync"

	"pairmq/internal/remoting"
)

// The fields of a request that say who made it.
const (
	fieldAccessKey = "AccessKey"
	fieldToken     = "SecurityToken" // signed like every other field, and else of no use here
	fieldSignature = "Signature"
	// A client adds this to request 12 before it signs, or after: 4.9.3 and older do so
	// after. Servers of 4.x leave it out.
	fieldUniqueKey = "_UNIQUE_KEY_QUERY"
)

// signatureLen is that of an HMAC-SHA1 in base64.
const signatureLen = 28

// A signer signs with one secret. It is safe for concurrent use.
type signer struct {
	secret string
	pool   sync.Pool // of *work
}

// work is what a signature is made with, kept for the next one.
type work struct {
	mac    hash.Hash
	chunk  [512]byte       // a hash takes no strings: they pass through here
	order  []int           // of the fields that count
	fields remoting.Fields // while they are sorted
	sum    [sha1.Size]byte
}

func newSigner(secret string) *signer { return &signer{secret: secret} }

// sign returns the signature of a request in base64: the HMAC of the values of all fields,
// in the order of their names, and the body. Field without is left out, unless it is "".
func (s *signer) sign(fields remoting.Fields, body []byte, without string) (sig [signatureLen]byte) {
	w, ok := s.pool.Get().(*work)
	if !ok {
		w = &work{mac: hmac.New(sha1.New, []byte(s.secret))}
	}
	w.sort(fields, without)
	w.mac.Reset()
	for _, i := range w.order {
		for v := fields[i].Value; v != ""; {
			n := copy(w.chunk[:], v)
			w.mac.Write(w.chunk[:n])
			v = v[n:]
		}
	}
	w.mac.Write(body)
	base64.StdEncoding.Encode(sig[:], w.mac.Sum(w.sum[:0]))
	clear(w.chunk[:])
	s.pool.Put(w)
	return sig
}

// sort leaves in w.order the fields that are signed, by name. Of a name that is there
// twice the last one counts, as it does for who serves the request.
func (w *work) sort(fields remoting.Fields, without string) {
	w.order = w.order[:0]
	for i := range fields {
		if k := fields[i].Key; k != fieldSignature && (without == "" || k != without) {
			w.order = append(w.order, i)
		}
	}
	w.fields = fields
	sort.Sort(w)
	w.fields = nil
	n := 0
	for k, i := range w.order {
		if k+1 == len(w.order) || fields[w.order[k+1]].Key != fields[i].Key {
			w.order[n] = i
			n++
		}
	}
	w.order = w.order[:n]
}

// Len, Less and Swap sort order by the names of its fields, then by their places.
func (w *work) Len() int      { return len(w.order) }
func (w *work) Swap(i, j int) { w.order[i], w.order[j] = w.order[j], w.order[i] }

func (w *work) Less(i, j int) bool {
	a, b := w.order[i], w.order[j]
	if c := compareUTF16(w.fields[a].Key, w.fields[b].Key); c != 0 {
		return c < 0
	}
	return a < b
}

// compareUTF16 compares two strings of UTF-8 by their UTF-16 code units, as Java does. That
// differs from the order of their bytes where one has a character beyond U+FFFF: its
// surrogates come before U+E000.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := a[i], b[i]; x != y {
			if x >= 0xee && y >= 0xee && x >= 0xf0 != (y >= 0xf0) {
				x, y = y, x
			}
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// signed says whether cmd bears the signature that who knows the secret would give it. It
// takes as long whatever the signature is.
func (s *signer) signed(cmd *remoting.Command) bool {
	var got [signatureLen]byte
	text, _ := cmd.Fields.Lookup(fieldSignature)
	size := subtle.ConstantTimeEq(int32(len(text)), signatureLen)
	copy(got[:], text)
	want := s.sign(cmd.Fields, cmd.Body, "")
	good := subtle.ConstantTimeCompare(got[:], want[:])
	if cmd.Code == remoting.ReqQueryMessage {
		want = s.sign(cmd.Fields, cmd.Body, fieldUniqueKey)
		good |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return size&good == 1
}
