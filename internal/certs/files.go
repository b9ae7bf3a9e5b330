package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxFile   = 1 << 20     // bytes; a larger one is none of ours
	lookEvery = time.Second // between two looks at files
)

// Files are PEM files; "" is none.
type Files struct {
	Cert string // a certificate, behind it those that lead to its authority
	Key  string // its private key, not encrypted
	CA   string // certificates of the authorities that are trusted
}

// material is what Files say.
type material struct {
	own    *tls.Certificate  // with its Leaf; nil: none
	roots  *x509.CertPool    // nil: none
	sum    [sha256.Size]byte // of the bytes of the files
	ends   [2]int64          // when the first ends of those of Cert, and of CA, in s since 1970; 0: none is in use
	listen *tls.Config       // how one who listens shakes hands
}

// load reads the files.
func (f *Files) load() (*material, error) {
	var m material
	sum := sha256.New()
	if f.Cert != "" {
		cert, err := readFile(f.Cert)
		if err != nil {
			return nil, err
		}
		key, err := readFile(f.Key)
		if err != nil {
			return nil, err
		}
		own, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("certs: %s with %s: %w", f.Cert, f.Key, err)
		}
		m.own = &own
		chain, _ := parse(cert) // what cannot be read behind the leaf is for who is shown it to judge
		m.ends[0] = firstEnd(chain)
		fmt.Fprintf(sum, "%d %d ", len(cert), len(key))
		sum.Write(cert)
		sum.Write(key)
	}
	if f.CA != "" {
		b, err := readFile(f.CA)
		if err != nil {
			return nil, err
		}
		all, err := parse(b) // one that cannot be read spoils them all
		if err != nil {
			return nil, fmt.Errorf("certs: %s: %w", f.CA, err)
		}
		m.roots = x509.NewCertPool()
		for _, c := range all {
			m.roots.AddCert(c)
		}
		m.ends[1] = firstEnd(all)
		sum.Write(b)
	}
	sum.Sum(m.sum[:0])
	return &m, nil
}

// Read reads the certificates of a PEM file, of which there is one or more.
func Read(path string) ([]*x509.Certificate, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	all, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("certs: %s: %w", path, err)
	}
	return all, nil
}

// parse returns those before the one that cannot be read, too.
func parse(b []byte) (all []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return all, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("it has no certificate in PEM")
	}
	return all, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("certs: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("certs: %s: want a file of at most %d bytes, it has %d", path, maxFile, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("certs: %w", err)
	}
	if begun, whole := blocks(b); begun != whole {
		return nil, fmt.Errorf("certs: %s: %d blocks of PEM begin, and %d are whole: it is damaged, or being written", path, begun, whole)
	}
	return b, nil
}

// blocks counts the blocks of PEM that begin, and those that can be read: who reads b for them
// passes over the others without a word.
func blocks(b []byte) (begun, whole int) {
	begun = bytes.Count(b, []byte("-----BEGIN "))
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return begun, whole
		}
		whole++
	}
}

// A stamp tells one version of a file from the next. A copy may have the size and the time of what was
// there before it; its inode, or when that was changed, it has not.
type stamp struct {
	size  int64
	mtime time.Time
	inode uint64
	ctime int64 // ns
}

func stampOf(info os.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.ctime = st.Ino, st.Ctim.Nano()
	}
	return s
}

// stamps are those of the files; of one that is not there it is zero.
func (f *Files) stamps() (all [3]stamp) {
	for i, path := range []string{f.Cert, f.Key, f.CA} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			all[i] = stampOf(info)
		}
	}
	return all
}

// kept is what files say, read again once they have changed. What cannot be used is logged and
// changes nothing.
type kept struct {
	files Files
	make  func(*material) // completes what was read
	judge *judge
	log   *slog.Logger
	ends  [2]atomic.Int64 // those of now

	mu       sync.Mutex // guards the rest
	now      *material
	seen     [3]stamp // of the files as they were read last, in vain or not
	failed   string   // what was wrong with them then
	looked   time.Time
	reminded time.Time // zero: never
}

// keep reads the files for the first time.
func keep(f Files, j *judge, log *slog.Logger, make func(*material)) (*kept, error) {
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("certs: a certificate and its key are needed together")
	}
	k := &kept{files: f, make: make, judge: j, log: log, seen: f.stamps(), looked: time.Now()}
	m, err := f.load()
	if err != nil {
		return nil, err
	}
	k.use(m)
	return k, nil
}

// get returns what the files say now, as far as that is good.
func (k *kept) get() *material {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	return k.now
}

// look looks at the files, unless it did just now; k.mu is held.
func (k *kept) look() {
	if now := time.Now(); now.Sub(k.looked) >= lookEvery {
		k.looked = now
		k.reload()
		k.remind(now)
	}
}

// reload reads the files if they have changed; k.mu is held.
func (k *kept) reload() {
	seen := k.files.stamps()              // before they are read: what changes meanwhile is seen next time
	if seen == k.seen && k.failed == "" { // what failed is tried again: chown of a folder on the way changes no stamp
		return
	}
	m, err := k.files.load()
	if err != nil {
		if seen != k.seen || err.Error() != k.failed {
			k.log.Error("certificates have changed and are not good: those from before stay in use until all are", "err", err)
		}
		k.seen, k.failed = seen, err.Error()
		return
	}
	failed := k.failed != ""
	k.seen, k.failed = seen, ""
	if m.sum == k.now.sum && !failed { // another owner, mode or link
		return
	}
	k.log.Info("certificates have changed and are used from now on", "cert", k.files.Cert, "ca", k.files.CA)
	k.use(m)
}

// use has m be what there is; k.mu is held, or nobody else has k yet.
func (k *kept) use(m *material) {
	k.make(m)
	k.now = m
	for i, end := range m.ends {
		k.ends[i].Store(end)
	}
	k.describe(m)
}

// describe logs what a person should know of them.
func (k *kept) describe(m *material) {
	if k.files.Key != "" {
		if info, err := os.Stat(k.files.Key); err == nil && info.Mode().Perm()&0o007 != 0 {
			k.log.Warn("everybody on this machine may read a private key: chmod 0600", "key", k.files.Key, "mode", info.Mode().Perm().String())
		}
	}
	if m.own != nil {
		k.log.Info("certificate", "cert", k.files.Cert, "subject", m.own.Leaf.Subject.String(), "notBefore", m.own.Leaf.NotBefore, "notAfter", m.own.Leaf.NotAfter)
	}
}
