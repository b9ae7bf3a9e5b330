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
	own   *tls.Certificate  // with its Leaf; nil: none
	roots *x509.CertPool    // nil: none
	sum   [sha256.Size]byte // of the bytes of the files
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
		fmt.Fprintf(sum, "%d %d ", len(cert), len(key))
		sum.Write(cert)
		sum.Write(key)
	}
	if f.CA != "" {
		b, err := readFile(f.CA)
		if err != nil {
			return nil, err
		}
		if m.roots, err = authorities(b); err != nil {
			return nil, fmt.Errorf("certs: %s: %w", f.CA, err)
		}
		sum.Write(b)
	}
	sum.Sum(m.sum[:0])
	return &m, nil
}

// authorities reads certificates; one that cannot be read spoils them all.
func authorities(b []byte) (*x509.CertPool, error) {
	all, err := parse(b)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool, nil
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
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
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

// kept is T, made of files, and made again once they have changed. What cannot be used is
// logged and changes nothing.
type kept[T any] struct {
	files Files
	make  func(*material) T
	log   *slog.Logger

	mu     sync.Mutex // guards the rest
	now    T
	seen   [3]stamp // of the files as they were read last, in vain or not
	failed string   // what was wrong with them then
	sum    [sha256.Size]byte
	looked time.Time
}

// keep reads the files for the first time.
func keep[T any](f Files, log *slog.Logger, make func(*material) T) (*kept[T], error) {
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("certs: a certificate and its key are needed together")
	}
	k := &kept[T]{files: f, make: make, log: log, seen: f.stamps(), looked: time.Now()}
	m, err := f.load()
	if err != nil {
		return nil, err
	}
	k.now, k.sum = make(m), m.sum
	k.describe(m)
	return k, nil
}

// get returns what the files say now, as far as that is good.
func (k *kept[T]) get() T {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Sub(k.looked) < lookEvery {
		return k.now
	}
	k.looked = now
	seen := k.files.stamps()              // before they are read: what changes meanwhile is seen next time
	if seen == k.seen && k.failed == "" { // what failed is tried again: chown of a folder on the way changes no stamp
		return k.now
	}
	m, err := k.files.load()
	if err != nil {
		if seen != k.seen || err.Error() != k.failed {
			k.log.Error("certificates have changed and are not good: those from before stay in use until all are", "err", err)
		}
		k.seen, k.failed = seen, err.Error()
		return k.now
	}
	failed := k.failed != ""
	k.seen, k.failed = seen, ""
	if m.sum == k.sum && !failed { // another owner, mode or link
		return k.now
	}
	k.now, k.sum = k.make(m), m.sum
	k.log.Info("certificates have changed and are used from now on", "cert", k.files.Cert, "ca", k.files.CA)
	k.describe(m)
	return k.now
}

// describe logs what a person should know of them.
func (k *kept[T]) describe(m *material) {
	if k.files.Key != "" {
		if info, err := os.Stat(k.files.Key); err == nil && info.Mode().Perm()&0o007 != 0 {
			k.log.Warn("everybody on this machine may read a private key: chmod 0600", "key", k.files.Key, "mode", info.Mode().Perm().String())
		}
	}
	if m.own != nil {
		k.log.Info("certificate", "cert", k.files.Cert, "subject", m.own.Leaf.Subject.String(), "notBefore", m.own.Leaf.NotBefore, "notAfter", m.own.Leaf.NotAfter)
	}
}
