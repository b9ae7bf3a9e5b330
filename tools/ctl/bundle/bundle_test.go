package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	const hidden = "hunter2"
	for _, text := range []string{
		"secretKey=hunter2", "secret.key = hunter2", `"aclPassword":"hunter2"`, `password: "hunter2"`, "PASSWD hunter2", "access_key=hunter2", "accessKey=hunter2", "apiKey=hunter2", "authorization: hunter2",
		`err="key secretKey=\"hunter2\" is wrong"`, "https://admin:hunter2@192.0.2.1/", "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nhunter2",
		"password=hunter2,rw",
	} {
		if got := Redact(text); strings.Contains(got, hidden) || !strings.Contains(got, Redacted) {
			t.Errorf("%s becomes %s", text, got)
		}
	}
	for _, text := range []string{"listenPort=10911", "namesrvAddr=192.0.2.1:9876;192.0.2.2:9876", `msg="slave joined" addr=192.0.2.7:4711`} {
		if got := Redact(text); got != text {
			t.Errorf("%s becomes %s", text, got)
		}
	}
	conf := "brokerName=a\n secretKey = two words hunter2\n# aclPassword=hunter2, hunter2\nlistenPort=1\n"
	if got := RedactConfig(conf); got != "brokerName=a\n secretKey = REDACTED\n# aclPassword=REDACTED\nlistenPort=1\n" {
		t.Errorf("a configuration becomes\n%s", got)
	}
}

func TestABundle(t *testing.T) {
	var b bytes.Buffer
	w := New(&b, "folder", time.Unix(1_800_000_000, 0))
	long := bytes.Repeat([]byte("0123456789abcdef"), maxFile/16+1)
	err := errors.Join(w.Add("a.txt", []byte("a")), w.Add("long.txt", long))
	w.Miss("journal", errors.New("password=hunter2"))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		text, err2 := io.ReadAll(r)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		got[h.Name] = string(text)
	}
	if len(got) != 3 || got["folder/a.txt"] != "a" || got["folder/missing.txt"] != "journal: password=REDACTED\n" {
		t.Errorf("it has %d files: %.300q", len(got), got)
	}
	if text := got["folder/long.txt"]; !strings.HasPrefix(text, "(16 bytes before this are left out)\n0123") || len(text) > maxFile+100 {
		t.Errorf("a long file has %d bytes: %.60q", len(text), text)
	}
}
