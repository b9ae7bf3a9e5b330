package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// A fakeRaw is a log from 1 MiB on in segments of 1 MiB.
type fakeRaw struct {
	log  []byte // from start on
	err  error  // of reads
	gate chan struct{}
}

const fakeStart = 1 << 20

func newFakeRaw(size int) *fakeRaw {
	f := &fakeRaw{log: make([]byte, size)}
	for i := range f.log {
		f.log[i] = byte(i * i >> 7)
	}
	return f
}

func (f *fakeRaw) Bounds() (start, end int64) { return fakeStart, fakeStart + int64(len(f.log)) }

func (f *fakeRaw) SegmentSize() int64 { return 1 << 20 }

func (f *fakeRaw) ReadStored(p []byte, off int64) (int, error) {
	if f.gate != nil {
		<-f.gate
	}
	if f.err != nil {
		return 0, f.err
	}
	if end := off - off%(1<<20) + 1<<20; off+int64(len(p)) > end {
		p = p[:end-off]
	}
	return copy(p, f.log[off-fakeStart:]), nil
}

// newLogRig is a rig whose broker has raw, and whose comparisons find.
func newLogRig(t *testing.T, raw *fakeRaw, find func(ctx context.Context, peer string, start, end int64, repair bool) (store.Comparison, error)) *rig {
	return newRig(t, func(o *Options, _ *fakeStore) { o.Raw, o.Compare = raw, find })
}

func findNothing(_ context.Context, _ string, _, end int64, _ bool) (store.Comparison, error) {
	return store.Comparison{End: end}, nil
}

func TestLogChecksums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newFakeRaw(3<<20 + 1000)
		c := newLogRig(t, raw, findNothing).client()
		from, to := raw.Bounds()
		got := c.call(remoting.ReqGetLogChecksums, "", "start", "0", "end", "0")
		want := map[string]string{"brokerName": "broker-a", "brokerId": "0", "brokerAddr": fakeHost.String(), "readOnly": "false", "segmentSize": itoa(1 << 20), "minPhyOffset": itoa(from), "endPhyOffset": itoa(to)}
		for key, value := range want {
			if got.Fields.Get(key) != value {
				t.Errorf("%s is %q, want %q", key, got.Fields.Get(key), value)
			}
		}
		if got.Code != 0 || len(got.Body) != 0 {
			t.Errorf("an empty range: %d, %d bytes", got.Code, len(got.Body))
		}
		for _, r := range [][3]int64{{from, to, 1 << 20}, {from + 7, to - 3, 100_000}, {from, from + 1, 4096}, {from, to, maxLogRange}} {
			got := c.call(remoting.ReqGetLogChecksums, "", "start", itoa(r[0]), "end", itoa(r[1]), "piece", itoa(r[2]))
			var want []byte
			for at := r[0]; at < r[1]; at += r[2] {
				b := raw.log[at-from : min(at+r[2], r[1])-from]
				want = binary.BigEndian.AppendUint32(want, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
			}
			if got.Code != 0 || !bytes.Equal(got.Body, want) || got.Fields.Get("endPhyOffset") != itoa(to) {
				t.Errorf("%d to %d in pieces of %d: %d %q %x, want %x", r[0], r[1], r[2], got.Code, got.Remark, got.Body, want)
			}
		}
	})
}

func TestReadLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newFakeRaw(2<<20 + 1000)
		c := newLogRig(t, raw, findNothing).client()
		from, to := raw.Bounds()
		for _, r := range [][3]int64{{from, 100, 100}, {from, 1 << 20, 1 << 20}, {2<<20 - 10, 100, 10}, {to - 10, 1 << 20, 10}} {
			got := c.call(remoting.ReqReadLog, "", "offset", itoa(r[0]), "size", itoa(r[1]))
			if want := raw.log[r[0]-from:][:r[2]]; got.Code != 0 || !bytes.Equal(got.Body, want) {
				t.Errorf("%d bytes at %d: %d %q, %d bytes", r[1], r[0], got.Code, got.Remark, len(got.Body))
			}
		}
	})
}

// TestLogRequestsThatMakeNoSense sends what a broken or hostile client could.
func TestLogRequestsThatMakeNoSense(t *testing.T) {
	const huge = "9223372036854775807"
	first, last := itoa(fakeStart), itoa(fakeStart+100<<20)
	tests := []struct {
		code   int32
		fields []string
		want   int32
	}{
		{remoting.ReqGetLogChecksums, nil, 1},
		{remoting.ReqGetLogChecksums, []string{"start", "x", "end", "1"}, 1},
		{remoting.ReqGetLogChecksums, []string{"start", first}, 1},
		{remoting.ReqGetLogChecksums, []string{"start", "-1", "end", "0"}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", "-9223372036854775808", "end", huge}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", "5", "end", "4"}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", "0", "end", first}, 21},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", huge}, 21},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", last}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", itoa(fakeStart + 1), "piece", "4095"}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", itoa(fakeStart + 1), "piece", "0"}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", itoa(fakeStart + 1), "piece", "-4096"}, 29},
		{remoting.ReqGetLogChecksums, []string{"start", first, "end", itoa(fakeStart + 1), "piece", huge}, 29},

		{remoting.ReqReadLog, nil, 1},
		{remoting.ReqReadLog, []string{"offset", first}, 1},
		{remoting.ReqReadLog, []string{"offset", first, "size", "0"}, 29},
		{remoting.ReqReadLog, []string{"offset", first, "size", "-5"}, 29},
		{remoting.ReqReadLog, []string{"offset", first, "size", itoa(1<<20 + 1)}, 29},
		{remoting.ReqReadLog, []string{"offset", first, "size", huge}, 29},
		{remoting.ReqReadLog, []string{"offset", "-1", "size", "10"}, 21},
		{remoting.ReqReadLog, []string{"offset", "0", "size", "10"}, 21},
		{remoting.ReqReadLog, []string{"offset", last, "size", "10"}, 21},
		{remoting.ReqReadLog, []string{"offset", huge, "size", "10"}, 21},

		{remoting.ReqVerifyLog, nil, 1},
		{remoting.ReqVerifyLog, []string{"start", first, "end", itoa(fakeStart + 1)}, 29},
		{remoting.ReqVerifyLog, []string{"start", "-1", "end", "1", "peer", "b:1"}, 29},
		{remoting.ReqVerifyLog, []string{"start", first, "end", last, "peer", "b:1"}, 29},
		{remoting.ReqVerifyLog, []string{"start", first, "end", huge, "peer", "b:1"}, 21},
		{remoting.ReqVerifyLog, []string{"start", first, "end", itoa(fakeStart + 1), "peer", "b:1", "repair", "perhaps"}, 1},
	}
	synctest.Test(t, func(t *testing.T) {
		c := newLogRig(t, newFakeRaw(100<<20), func(context.Context, string, int64, int64, bool) (store.Comparison, error) {
			t.Error("a comparison was begun")
			return store.Comparison{}, nil
		}).client()
		for _, tt := range tests {
			if got := c.call(tt.code, "", tt.fields...); got.Code != tt.want || got.Remark == "" {
				t.Errorf("%s %q: %d %q, want %d", remoting.RequestName(tt.code), tt.fields, got.Code, got.Remark, tt.want)
			}
		}
		c = newRig(t, nil).client()
		for _, code := range []int32{remoting.ReqGetLogChecksums, remoting.ReqReadLog, remoting.ReqVerifyLog} {
			c.expect(c.call(code, ""), remoting.RespRequestCodeNotSupported, remoting.RequestName(code))
		}
	})
}

// TestLogRequestsFail: what is read has gone meanwhile, or the disk fails.
func TestLogRequestsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newFakeRaw(1 << 20)
		c := newLogRig(t, raw, func(context.Context, string, int64, int64, bool) (store.Comparison, error) {
			return store.Comparison{}, raw.err
		}).client()
		for _, tt := range []struct {
			err   error
			code  int32
			words string
		}{
			{fmt.Errorf("open /var/lib: %w", fs.ErrNotExist), remoting.RespPullOffsetMoved, "gone meanwhile"},
			{fmt.Errorf("%w: bytes 1 to 5", store.ErrNotFound), remoting.RespPullOffsetMoved, "1 to 5"},
			{errors.New("/var/lib is broken"), remoting.RespSystemError, "its log says why"},
		} {
			raw.err = tt.err
			r := []string{"start", itoa(fakeStart), "end", itoa(fakeStart + 10), "peer", "b:1"}
			c.expect(c.call(remoting.ReqGetLogChecksums, "", r...), tt.code, tt.words)
			c.expect(c.call(remoting.ReqVerifyLog, "", r...), tt.code, tt.words)
			read := c.call(remoting.ReqReadLog, "", "offset", itoa(fakeStart), "size", "10")
			c.expect(read, tt.code, tt.words)
			if strings.Contains(read.Remark, "/var") {
				t.Errorf("%v is told as %q", tt.err, read.Remark)
			}
		}
		raw.err = fmt.Errorf("store: compare at 7: %w: b is away", ErrPeer)
		c.expect(c.call(remoting.ReqVerifyLog, "", "start", itoa(fakeStart), "end", itoa(fakeStart+10), "peer", "b:1"), remoting.RespSystemError, "the other broker: b is away")
	})
}

func TestVerifyLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked string
		found, failure := store.Comparison{End: fakeStart + 10}, error(nil)
		c := newLogRig(t, newFakeRaw(1<<20), func(_ context.Context, peer string, start, end int64, repair bool) (store.Comparison, error) {
			asked = fmt.Sprint(peer, " ", start, " ", end, " ", repair)
			return found, failure
		}).client()
		r := []string{"start", itoa(fakeStart), "end", itoa(fakeStart + 10), "peer", "b:1"}
		got := c.call(remoting.ReqVerifyLog, "", r...)
		if want := fmt.Sprint("b:1 ", fakeStart, " ", fakeStart+10, " false"); asked != want || string(got.Body) != fmt.Sprintf(`{"end":%d,"findings":[]}`, fakeStart+10) {
			t.Errorf("asked %q, want %q; answered %d %s", asked, want, got.Code, got.Body)
		}
		found.Findings = []store.Finding{{Kind: store.Repaired, From: 1, To: 2, Records: 3, Here: "torn", Copy: "quarantine/x"}}
		failure = errors.New("then it broke") // what was repaired is told all the same
		got = c.call(remoting.ReqVerifyLog, "", append(r, "repair", "true")...)
		want := fmt.Sprintf(`{"end":%d,"findings":[{"kind":"REPAIRED","from":1,"to":2,"records":3,"here":"torn","copy":"quarantine/x"}]}`, fakeStart+10)
		if asked != fmt.Sprint("b:1 ", fakeStart, " ", fakeStart+10, " true") || string(got.Body) != want {
			t.Errorf("asked %q; answered %d %s, want %s", asked, got.Code, got.Body, want)
		}
	})
}

// TestLogRequestsWaitInLine lets a few wait, refuses more, and all when the broker
// stops.
func TestLogRequestsWaitInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := newFakeRaw(1 << 20)
		raw.gate = make(chan struct{})
		r := newLogRig(t, raw, findNothing)
		c := r.client()
		begin := func() <-chan *remoting.Command {
			got := c.begin(remoting.ReqReadLog, "", "offset", itoa(fakeStart), "size", "10")
			synctest.Wait()
			return got
		}
		first := begin()
		var waiting []<-chan *remoting.Command
		for range maxLogWork {
			waiting = append(waiting, begin())
		}
		c.expect(<-begin(), remoting.RespSystemBusy, "being read")
		if resp := c.call(remoting.ReqVerifyLog, "", "start", itoa(fakeStart), "end", itoa(fakeStart+10), "peer", "b:1"); resp.Code != 0 {
			t.Errorf("a comparison waits for reads: %d %q", resp.Code, resp.Remark)
		}
		raw.gate <- struct{}{}
		if got := <-first; got.Code != 0 || len(got.Body) != 10 {
			t.Errorf("the first one: %d %q", got.Code, got.Remark)
		}
		go r.stop()
		synctest.Wait()
		close(raw.gate)
		for i, got := range waiting {
			if resp := <-got; i > 0 && resp.Code != remoting.RespServiceNotAvailable {
				t.Errorf("one that waited when the broker stopped: %d %q", resp.Code, resp.Remark)
			}
		}
		r.stop()
		c.expect(<-begin(), remoting.RespServiceNotAvailable, "stopping")
	})
}
