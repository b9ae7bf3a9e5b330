package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/internal/remoting"
)

// TestABrokerWithoutItsIndexServesMeanwhile: the index of a long log is lost. The
// broker gives out what it has indexed, refuses to store until it has indexed
// everything, and then goes on by itself where it was.
func TestABrokerWithoutItsIndexServesMeanwhile(t *testing.T) {
	const count = 48 // of 1 MiB, in segments of 8
	d := newDaemon(t)
	d.start()
	body := strings.Repeat("x", 1<<20)
	for range count {
		if resp := d.send("Topic", body); resp.Code != remoting.RespSuccess {
			t.Fatalf("a send is answered %d %s", resp.Code, resp.Remark)
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(d.root(), "meta.db")); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, d.config(), disk.OS, d.again, slog.New(slog.NewTextHandler(&log, nil))) }()
	d.stop = func() error { cancel(); return <-ended }
	var got int64
	waited := 0
	for got < count {
		resp := d.pull("Topic", got)
		switch resp.Code {
		case remoting.RespSuccess:
			got = nextOffset(t, resp)
		case remoting.RespPullNotFound:
			if n := nextOffset(t, resp); n != got {
				t.Fatalf("a consumer at %d is sent to %d", got, n)
			}
			waited++
		default:
			t.Fatalf("the pull at %d is answered %d %s", got, resp.Code, resp.Remark)
		}
	}
	refused := 0
	eventually(t, "a message is stored", func() bool {
		resp := d.send("Topic", "more")
		if resp.Code == remoting.RespServiceNotAvailable {
			refused++
			return false
		}
		if resp.Code != remoting.RespSuccess {
			t.Fatalf("a send is answered %d %s", resp.Code, resp.Remark)
		}
		if offset := resp.Fields.Get("queueOffset"); offset != strconv.Itoa(count) {
			t.Fatalf("the message is at queue offset %s, want %d", offset, count)
		}
		return true
	})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"most of the log has to be indexed", "the log is indexed"} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("the log says %d times that %s", n, line)
		}
	}
	t.Logf("%d pulls waited, %d sends were refused; the daemon logged\n%s", waited, refused, &log)
}

// nextOffset is where the answer to a pull has the consumer go on.
func nextOffset(t *testing.T, resp *remoting.Command) int64 {
	t.Helper()
	n, err := resp.Fields.Int64("nextBeginOffset")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAPairOutlivesItsIndexes: the slave loses its index, then the master, with a log
// that is long. Each comes back by itself, the epoch stays, and the logs are the same.
func TestAPairOutlivesItsIndexes(t *testing.T) {
	master := newDaemon(t)
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER")
	master.start()
	slave := master.newSlave()
	slave.start()
	eventually(t, "the slave joins", func() bool { return master.info()["haSlaves"] == "1" })
	body := strings.Repeat("x", 1<<20)
	stored := 0
	send := func(count int) {
		t.Helper()
		for range count {
			if resp := master.send("Topic", body); resp.Code != remoting.RespSuccess {
				t.Fatalf("a send is answered %d %s", resp.Code, resp.Remark)
			}
			stored++
		}
	}
	lose := func(d *daemonUnderTest) {
		t.Helper()
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(d.root(), "meta.db")); err != nil {
			t.Fatal(err)
		}
		d.start()
		eventually(t, "the slave joins again", func() bool {
			m := master.info()
			return m["haSlaves"] == "1" && m["indexing"] == "" && slave.info()["indexing"] == ""
		})
		caughtUp(master, slave)
	}
	send(36)
	epoch := master.info()["epoch"]
	lose(slave)
	send(4)
	lose(master)
	send(4)
	if now := master.info()["epoch"]; now != epoch || slave.info()["epoch"] != epoch {
		t.Errorf("the epoch was %s, the master says %s now, the slave %s", epoch, now, slave.info()["epoch"])
	}
	for _, d := range []*daemonUnderTest{master, slave} {
		for got := int64(0); got < int64(stored); {
			resp := d.pull("Topic", got)
			if resp.Code != remoting.RespSuccess {
				t.Fatalf("a pull at %d of %d is answered %d %s", got, stored, resp.Code, resp.Remark)
			}
			got = nextOffset(t, resp)
		}
	}
	if err := errors.Join(slave.stop(), master.stop()); err != nil {
		t.Fatal(err)
	}
	ours, theirs := slave.logFiles(), master.logFiles()
	for name, b := range theirs {
		if !bytes.Equal(ours[name], b) {
			t.Errorf("segment %s differs", name)
		}
	}
}
