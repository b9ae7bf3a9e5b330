package replica_test

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"

	"pairmq/daemon/broker"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/store"
	"pairmq/store/table"
)

// openStore opens a store in a folder of its own and runs it until the test ends.
func openStore(t *testing.T) *store.Store {
	t.Helper()
	fs, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{FS: fs, SegmentSize: 32 << 10, JournalBytes: 64 << 10, IndexNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// TestASlaveCopiesABrokerOfOurs: what our master says is what our slave reads,
// and where nothing differs the slave's store keeps its version.
func TestASlaveCopiesABrokerOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		master, slave := openStore(t), openStore(t)
		b, err := broker.New(broker.Options{Store: master, Name: "b"})
		if err != nil {
			t.Fatal(err)
		}
		strict := table.DefaultGroup("strict")
		strict.ConsumeMessageOrderly, strict.RetryMaxTimes, strict.Attributes = true, 3, map[string]string{"k": "v"}
		if err := master.PutGroups([]table.Group{strict, table.DefaultGroup("g")}); err != nil {
			t.Fatal(err)
		}
		if err := master.PutTopic(table.Topic{Name: "%RETRY%g", ReadQueueNums: 1, WriteQueueNums: 2, Perm: 6, FilterType: "MULTI_TAG",
			SysFlag: 1, Order: true, Attributes: map[string]string{"message.type": "FIFO"}}); err != nil {
			t.Fatal(err)
		}
		master.CommitOffset("g", "T", 0, 5)
		master.CommitOffset("g", "%RETRY%g", 3, 1<<40)
		master.CommitOffset("of nobody's making", "T", 1, 7) // a name that no group can have
		master.CommitOffset("unconfigured", "T", 1, 7)

		modes := table.RequestModes{}
		modes.Set(table.RequestMode{Group: "g", Mode: table.ModePop, Others: 2, Topic: "%RETRY%g"})
		if err := master.SetRequestModes(modes); err != nil {
			t.Fatal(err)
		}

		r := newCopying(t, slave)
		for _, code := range []int32{21, 43, 45, 201, 402} {
			r.answerBy(code, b.Serve)
		}
		r.found()
		same := func(when string) {
			t.Helper()
			wantT, _ := master.Topics()
			if got, _ := slave.Topics(); !reflect.DeepEqual(got, wantT) {
				t.Errorf("%s: topics\n%+v, want\n%+v", when, got, wantT)
			}
			wantG, _ := master.Groups()
			if got, _ := slave.Groups(); !reflect.DeepEqual(got, wantG) {
				t.Errorf("%s: groups\n%+v, want\n%+v", when, got, wantG)
			}
			wantO := master.AllOffsets()
			delete(wantO, "of nobody's making")
			if got := slave.AllOffsets(); !reflect.DeepEqual(got, wantO) {
				t.Errorf("%s: offsets\n%+v, want\n%+v", when, got, wantO)
			}
		}
		same("at first")
		if got, err := slave.RequestModes(); err != nil || !reflect.DeepEqual(got, modes) {
			t.Errorf("modes %v, %v, want %v", got, err, modes)
		}
		if got := slave.AllProgress(); len(got) != 0 {
			t.Errorf("delay offsets %v, want none", got)
		}
		_, topics := slave.Topics()
		_, groups := slave.Groups()
		r.now()
		_, topics2 := slave.Topics()
		if _, groups2 := slave.Groups(); topics2 != topics || groups2 != groups {
			t.Errorf("nothing has changed, but the versions went from %v and %v to %v and %v", topics, groups, topics2, groups2)
		}
		if err := master.DeleteTopic("%RETRY%g"); err != nil {
			t.Fatal(err)
		}
		if err := master.DeleteGroup("strict"); err != nil {
			t.Fatal(err)
		}
		master.CommitOffset("g", "T", 0, 6)
		r.now()
		same("after changes")
		if err := master.ResetOffsets([]table.Offset{{Group: "g", Topic: "T", Offset: 2}}); err != nil {
			t.Fatal(err)
		}
		w := replica.NewWatchers(replica.WatchersOptions{Versions: func() replica.TableVersions { return replica.TableVersions{} }})
		r.answerBy(remoting.ReqWatchMetadata, func(req *remoting.Request) {
			if err := w.Serve(req); err != nil { // it has ended
				req.ReplyError(remoting.RespSystemBusy, err.Error())
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = w.Run(ctx) })
		r.now()
		same("after a reset")
		cancel()
		run.Wait()
	})
}
