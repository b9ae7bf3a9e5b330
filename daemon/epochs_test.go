package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// haOf is where d sends its log.
func (d *daemonUnderTest) haOf() string {
	d.t.Helper()
	for _, s := range d.settings {
		if port, ok := strings.CutPrefix(s, "haListenPort="); ok {
			return "127.0.0.1:" + port
		}
	}
	d.t.Fatal("no haListenPort")
	return ""
}

// back stops d and puts its store back to how it was when copied to old, as a
// power cut does.
func (d *daemonUnderTest) back(old string) {
	d.t.Helper()
	stopAll(d.t, d)
	if err := os.RemoveAll(d.root()); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(old, d.root()); err != nil {
		d.t.Fatal(err)
	}
}

// TestAConfiguredMasterIsMetAsWell gives a slave haMasterAddress, with which it
// could begin to copy before it knows whom to ask for epochs: it learns them
// all the same, each time, or what it copies would be set aside later as if
// the master did not have it.
func TestAConfiguredMasterIsMetAsWell(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("ASYNC_MASTER", "0")
	b := names.newSlave()
	b.settings = append(b.settings, "haMasterAddress="+a.haOf())
	a.start()
	b.start()
	b.follows(a)
	b.is("SLAVE", "1")
	a.mustSend("both", 5, 0)
	caughtUp(a, b)
	stopAll(t, b)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(a.root())); err != nil {
		t.Fatal(err)
	}
	a.back(old)
	a.start()
	a.is("ASYNC_MASTER", "1.1") // it cannot know that nothing is missing
	a.mustSend("both", 5, 5)
	for range 2 {
		b.start()
		b.follows(a)
		b.is("SLAVE", "1.1")
		if file := b.info()["haSetAside"]; file != "" {
			t.Errorf("what the master has as well was set aside in %s", file)
		}
		stopAll(t, b)
	}
	b.start()
	b.follows(a)
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Errorf("demote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", "2")
	a.follows(b)
	stopAll(t, a, b, names)
}

// TestASlaveThatNeverMetAMasterIsPromoted: the number that it answers is the one
// that it begins, or whoever waits for that waits in vain.
func TestASlaveThatNeverMetAMasterIsPromoted(t *testing.T) {
	names := newNames(t)
	b := names.newSlave()
	b.start()
	b.is("SLAVE", "0")
	r := b.change(remoting.ReqPromoteBroker)
	if r.Code != remoting.RespSuccess {
		t.Fatalf("promote answers %d %q", r.Code, r.Remark)
	}
	b.is("ASYNC_MASTER", r.Fields.Get("epoch"))
	b.mustSend("b", 1, 0)
	stopAll(t, b, names)
}

// TestAnotherKindOfMasterIsNoOtherRole: who was demoted stays a slave when its
// file comes to name the other kind of master; and is of that kind when it is
// promoted.
func TestAnotherKindOfMasterIsNoOtherRole(t *testing.T) {
	names := newNames(t)
	a := names.newSlave().as("SYNC_MASTER", "0")
	b := names.newSlave()
	a.start()
	b.start()
	b.follows(a)
	if r := a.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.follows(b)
	stopAll(t, a)
	a = a.as("ASYNC_MASTER", "0")
	a.start()
	a.follows(b)
	a.is("SLAVE", "2")
	if r := b.change(remoting.ReqDemoteBroker); r.Code != remoting.RespSuccess {
		t.Fatalf("demote answers %d %q", r.Code, r.Remark)
	}
	a.is("ASYNC_MASTER", "3")
	b.follows(a)
	stopAll(t, a, b, names)
}
