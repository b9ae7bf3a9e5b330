package replica

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pairmq/store/table"
)

// masters are the versions whose answers are in testdata/metadata.
func masters() []string { return []string{"4.9.7", "5.4.0"} }

// answerOf returns a captured body: testdata/metadata/VERSION-CODE.txt.
func answerOf(t testing.TB, version, code string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/metadata/" + version + "-" + code + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("#")) {
			return bytes.TrimSpace(line)
		}
	}
	t.Fatalf("no body in the answer of %s to %s", version, code)
	return nil
}

func TestCapturedTopics(t *testing.T) {
	own := map[string]int{"4.9.7": 11, "5.4.0": 16}
	for _, version := range masters() {
		e, err := decodeTopics(answerOf(t, version, "21"), 100)
		if err != nil || len(e.byName) != own[version] || e.refused != 0 {
			t.Errorf("%s: %d topics, %d refused (%v), %v, want %d", version, len(e.byName), e.refused, e.why, err, own[version])
		}
		for _, want := range []table.Topic{
			{Name: "PeerTopic", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6, FilterType: "SINGLE_TAG"},
			{Name: "BenchmarkTest", ReadQueueNums: 1024, WriteQueueNums: 1024, Perm: 6, FilterType: "SINGLE_TAG"},
			{Name: "TBW102", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 7, FilterType: "SINGLE_TAG"},
		} {
			if got := e.byName[want.Name]; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", version, got, want)
			}
		}
	}
}

func TestCapturedGroups(t *testing.T) {
	own := map[string]int{"4.9.7": 8, "5.4.0": 9}
	for _, version := range masters() {
		e, err := decodeGroups(answerOf(t, version, "201"), 100)
		if err != nil || len(e.byName) != own[version] || e.refused != 0 {
			t.Errorf("%s: %d groups, %d refused (%v), %v, want %d", version, len(e.byName), e.refused, e.why, err, own[version])
		}
		// What 4.9.7 leaves out is what 5.4.0 says of a group that nobody changed.
		if got, want := e.byName["rawcons"], table.DefaultGroup("rawcons"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", version, got, want)
		}
	}
}

func offsetAt(group, topic string, queueID int32, offset int64, version uint32) table.Offset {
	return table.Offset{Group: group, Topic: topic, QueueID: queueID, Offset: offset, Version: version}
}

func TestCapturedOffsets(t *testing.T) {
	const trans, half, op = "CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	want := map[string][]table.Offset{
		"4.9.7": {offsetAt(trans, half, 0, 18, 0), offsetAt(trans, op, 0, 2, 0), offsetAt("cg2", "PeerTopic", 0, 6, 0)},
		"5.4.0": {offsetAt(trans, half, 0, 18, 0), offsetAt(trans, op, 0, 1, 0)},
	}
	for _, version := range masters() {
		e, err := decodeOffsets(answerOf(t, version, "43"), 100)
		if err != nil || !slices.Equal(e.list, want[version]) || e.refused != 0 {
			t.Errorf("%s: %+v, %d refused (%v), %v, want %+v", version, e.list, e.refused, e.why, err, want[version])
		}
		delay, err := decodeDelayOffsets(answerOf(t, version, "45"))
		if want := (delayOffsets{map[int32]int64{2: 1}, nil, 0}); err != nil || !reflect.DeepEqual(delay, want) {
			t.Errorf("%s: delay offsets %v, %v, want %v", version, delay, err, want)
		}
	}
}

func TestOtherMembersAreSkipped(t *testing.T) {
	body := `{"a":[{"offsetTable":{3:3}},[],null,"}"],"b":{},"offsetTable":{2:1},"log":{"0":7},"transactions":{"0":5,"1":6},"c":{"d":[{}]},"e":-1.5e3,"f":true}`
	if got, err := decodeDelayOffsets([]byte(body)); err != nil || !reflect.DeepEqual(got, delayOffsets{map[int32]int64{2: 1}, map[int32]int64{0: 5, 1: 6}, 7}) {
		t.Errorf("%s decodes to %v, %v, want only what is in offsetTable, log and transactions", body, got, err)
	}
	// As masters of ours answered before 5.4.0's slaves asked.
	if got, err := decodeDelayOffsets([]byte(`{"offsetTable":{2:1},"log":{0:7}}`)); err != nil || !reflect.DeepEqual(got, delayOffsets{map[int32]int64{2: 1}, nil, 7}) {
		t.Errorf("a key without quotes: %v, %v", got, err)
	}
	for _, bad := range []string{`{0:-1}`, `{1:5}`, `{0:5,0:"x"}`, `5`} {
		if got, err := decodeDelayOffsets([]byte(`{"offsetTable":{2:1},"log":` + bad + `}`)); !errors.Is(err, errAnswer) {
			t.Errorf("a log %s decodes to %v, %v, want errAnswer", bad, got, err)
		}
	}
}

func TestTransactionsOfAnAnswer(t *testing.T) {
	for _, bad := range []string{`{"0":5}`, `{"1":5}`, `{"0":5,"2":5}`, `{"-1":5,"1":5}`, `{"0":-1,"1":5}`, `{"0":5,"1":"x"}`, `{}`, `7`} {
		got, err := decodeDelayOffsets([]byte(`{"offsetTable":{},"log":{"0":9},"transactions":` + bad + `}`))
		if bad == `{}` && (err != nil || got.transactions != nil) || bad != `{}` && !errors.Is(err, errAnswer) {
			t.Errorf("transactions at %s decode to %v, %v", bad, got, err)
		}
	}
	if got, err := decodeDelayOffsets([]byte(`{"offsetTable":{},"transactions":{"0":5,"1":6}}`)); !errors.Is(err, errAnswer) {
		t.Errorf("without a log decodes to %v, %v", got, err)
	}
}

func TestEntriesThatAreLeftOut(t *testing.T) {
	long := strings.Repeat("x", 128)
	topics, err := decodeTopics([]byte(`{"topicConfigTable":{"ok":{"perm":6,"topicName":"other"},"../x":{"perm":6},"":{},"`+long+`":{},
		"null":null,"many":{"readQueueNums":8193},"few":{"writeQueueNums":-1},"kind":{"topicFilterType":"BOTH"}}}`), 100)
	want := map[string]table.Topic{"ok": {Name: "ok", Perm: 6, FilterType: "SINGLE_TAG"}}
	if err != nil || !reflect.DeepEqual(topics.byName, want) || topics.refused != 7 || !errors.Is(topics.why, table.ErrName) {
		t.Errorf("topics %+v, %d refused (%v), %v, want %+v and 7", topics.byName, topics.refused, topics.why, err, want)
	}
	if got, want := slices.Sorted(maps.Keys(topics.odd)), []string{"few", "kind", "many", "null"}; !slices.Equal(got, want) {
		t.Errorf("names that may be in the table: %q, want %q", got, want)
	}
	groups, err := decodeGroups([]byte(`{"subscriptionGroupTable":{"ok":{"consumeEnable":false},"a b":{},"many":{"retryQueueNums":8193}}}`), 100)
	if g := groups.byName["ok"]; err != nil || len(groups.byName) != 1 || g.ConsumeEnable || g.RetryMaxTimes != 16 || groups.refused != 2 {
		t.Errorf("groups %+v, %d refused (%v), %v, want one and 2", groups.byName, groups.refused, groups.why, err)
	}
	offsets, err := decodeOffsets([]byte(`{"offsetTable":{"T@g":{0:5,"1":6,-1:7,2:-2,3:-1},"T":{0:1},"T@":{0:1},"@g":{0:1},"T@g@h":{0:1},"../x@g":{0:1},"U@g":{}}}`), 100)
	if list := []table.Offset{offsetAt("g", "T", 0, 5, 0), offsetAt("g", "T", 1, 6, 0)}; err != nil || !slices.Equal(offsets.list, list) || offsets.refused != 7 {
		t.Errorf("offsets %+v, %d refused (%v), %v, want %+v and 7", offsets.list, offsets.refused, offsets.why, err, list)
	}
}

// TestResetOffsetsHaveVersions: wherever they are in the answer; those of offsets
// that it does not have say nothing.
func TestResetOffsetsHaveVersions(t *testing.T) {
	want := []table.Offset{offsetAt("g", "T", 0, 5, 4294967295), offsetAt("g", "T", 1, 6, 0), offsetAt("h", "T", 0, 7, 2)}
	const offsets, resets = `"offsetTable":{"T@g":{0:5,1:6},"T@h":{0:7}}`, `"resetTable":{"T@g":{0:4294967295,7:1},"T@h":{0:2},"U@g":{0:9}}`
	for _, body := range []string{`{` + offsets + `,` + resets + `}`, `{` + resets + `,"x":[],` + offsets + `}`} {
		if e, err := decodeOffsets([]byte(body), 4); err != nil || !slices.Equal(e.list, want) || e.refused != 0 {
			t.Errorf("%s: %+v, %d refused (%v), %v, want %+v", body, e.list, e.refused, e.why, err, want)
		}
	}
	for _, bad := range []string{`{"T@g":{0:-1}}`, `{"T@g":{0:4294967296}}`, `{"T@g":{0:1,1:1,2:1,3:1,4:1}}`, `{"T@g":{"x":1}}`, `5`} {
		if e, err := decodeOffsets([]byte(`{`+offsets+`,"resetTable":`+bad+`}`), 4); !errors.Is(err, errAnswer) {
			t.Errorf("versions %s decode to %+v, %v, want errAnswer", bad, e.list, err)
		}
	}
}

func TestAnswersThatNoMasterSends(t *testing.T) {
	decoders := map[string]func([]byte) error{
		"topicConfigTable":       func(b []byte) error { _, err := decodeTopics(b, 2); return err },
		"subscriptionGroupTable": func(b []byte) error { _, err := decodeGroups(b, 2); return err },
		"offsetTable":            func(b []byte) error { _, err := decodeOffsets(b, 2); return err },
		"offsetTable ":           func(b []byte) error { _, err := decodeDelayOffsets(b); return err },
	}
	bodies := []string{
		``, `null`, `[]`, `5`, `{}`, `{"x":{}}`, `{"TABLE":null}`, `{"TABLE":[]}`, `{"TABLE":5}`, `{"TABLE":{}`, `{"TABLE":{}}}`,
		`{"TABLE":{}}{}`, `{"TABLE":{"a@b":5}}`, `{"TABLE":{"a@b":[]}}`, `{"TABLE":{"a@b":{]}}`, `{"TABLE":{"a@b"}}`,
		`{"x":}`, `{"x":[1,{"y":2}],"TABLE":5}`, `{"x":[1 2],"TABLE":{}}`, `{"x":{"y":},"TABLE":{}}`,
		strings.Repeat(`{"TABLE":`, 65) + strings.Repeat(`}`, 65), `{"TABLE":{}}` + strings.Repeat(" ", maxAnswer),
	}
	for member, decode := range decoders {
		for _, body := range bodies {
			body = strings.ReplaceAll(body, "TABLE", strings.TrimSpace(member))
			if err := decode([]byte(body)); !errors.Is(err, errAnswer) {
				t.Errorf("%s: %.60q gives %v, want errAnswer", member, body, err)
			}
		}
	}
	tests := map[string][]string{
		"topicConfigTable":       {`{"a":{},"b":{},"c":{}}`, `{"a":{"perm":"six"}}`, `{"a":{"perm":4294967296}}`},
		"subscriptionGroupTable": {`{"a":{},"b":{},"c":{}}`, `{"a":{"brokerId":true}}`},
		"offsetTable":            {`{"a@b":{0:1,1:1},"c@d":{0:1}}`, `{"a@b":{"x":1}}`, `{"a@b":{0:"1"}}`, `{"a@b":{0:1.5}}`, `{"a@b":{0:9223372036854775808}}`, `{"a@b":{2147483648:1}}`},
		"offsetTable ":           {`{0:1}`, `{-1:1}`, `{1025:1}`, `{1:-1}`, `{"x":1}`, `{1:null}`, `{1:{}}`},
	}
	for member, tables := range tests {
		for _, entries := range tables {
			body := `{"` + strings.TrimSpace(member) + `":` + entries + `}`
			if err := decoders[member]([]byte(body)); !errors.Is(err, errAnswer) {
				t.Errorf("%s gives %v, want errAnswer", body, err)
			}
		}
	}
}

// again decodes what encodes a table, which must be the same table.
func again[T any](t *testing.T, member string, want T, decode func([]byte) (T, error)) {
	t.Helper()
	table, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"` + member + `":` + string(table) + `}`
	if got, err := decode([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v encodes to %s, which decodes to %+v, %v", want, body, got, err)
	}
}

func FuzzDecodeTopics(f *testing.F) {
	// One entry each: over whole tables the fuzzer spends its time minimizing.
	f.Add([]byte(`{"dataVersion":{"counter":3,"timestamp":1795405229341},"topicConfigTable":{"T":{"order":false,"perm":6,"readQueueNums":4,` +
		`"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}}}`))
	f.Add([]byte(`{"topicConfigTable":{"T":{"attributes":{"a":"b"},"perm":6}},"topicQueueMappingDetailMap":{}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 100
		e, err := decodeTopics(in, limit)
		if err != nil {
			return
		}
		if e.count() > limit {
			t.Fatalf("%d topics, at most %d are allowed", e.count(), limit)
		}
		again(t, "topicConfigTable", e.byName, func(b []byte) (map[string]table.Topic, error) {
			e, err := decodeTopics(b, limit)
			return e.byName, err
		})
	})
}

// TestDeletedTopics: those that a master of ours adds; Apache's add none.
func TestDeletedTopics(t *testing.T) {
	long := strings.Repeat("x", 128)
	tests := []struct {
		body string
		want map[string]int64
	}{
		{string(answerOf(t, "5.4.0", "21")), map[string]int64{}},
		{`{"topicConfigTable":{"T":{}},"deletedTable":{"T":7,"U":9223372036854775807,"../x":1,"` + long + `":1,"zero":0,"below":-1}}`,
			map[string]int64{"T": 7, "U": 9223372036854775807}},
		{`{"deletedTable":{"T":7},"topicConfigTable":{}}`, map[string]int64{"T": 7}},
	}
	for _, tt := range tests {
		if got, err := decodeDeleted([]byte(tt.body)); err != nil || !maps.Equal(got, tt.want) {
			t.Errorf("%.80s: %v, %v, want %v", tt.body, got, err, tt.want)
		}
	}
	var many strings.Builder
	for i := range maxDeleted {
		fmt.Fprintf(&many, `"T%d":1,`, i)
	}
	for _, bad := range []string{``, `{"deletedTable":{}}`, `{"topicConfigTable":{},"deletedTable":{"T":"x"}}`, `{"topicConfigTable":{},"deletedTable":{"T":1.5}}`,
		`{"topicConfigTable":{},"deletedTable":[]}`, `{"topicConfigTable":{},"deletedTable":{` + many.String() + `"T":1}}`} {
		if got, err := decodeDeleted([]byte(bad)); !errors.Is(err, errAnswer) {
			t.Errorf("%.80s: %d, %v, want errAnswer", bad, len(got), err)
		}
	}
}

func FuzzDecodeDeleted(f *testing.F) {
	f.Add([]byte(`{"dataVersion":{},"topicConfigTable":{"T":{"perm":6}},"deletedTable":{"T":67108864}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		all, err := decodeDeleted(in)
		if err != nil {
			return
		}
		again(t, `topicConfigTable":{},"deletedTable`, all, decodeDeleted)
	})
}

func FuzzDecodeGroups(f *testing.F) {
	f.Add([]byte(`{"forbiddenTable":{},"subscriptionGroupTable":{"g":{"attributes":{},"brokerId":0,"consumeEnable":true,"consumeTimeoutMinute":15,` +
		`"groupName":"g","groupRetryPolicy":{"type":"CUSTOMIZED"},"retryMaxTimes":16,"retryQueueNums":1}}}`))
	f.Add([]byte(`{"subscriptionGroupTable":{"g":{}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 100
		e, err := decodeGroups(in, limit)
		if err != nil {
			return
		}
		if e.count() > limit {
			t.Fatalf("%d groups, at most %d are allowed", e.count(), limit)
		}
		again(t, "subscriptionGroupTable", e.byName, func(b []byte) (map[string]table.Group, error) {
			e, err := decodeGroups(b, limit)
			return e.byName, err
		})
	})
}

func FuzzDecodeOffsets(f *testing.F) {
	for _, version := range masters() {
		f.Add(answerOf(f, version, "43"))
	}
	f.Add([]byte(`{"offsetTable":{"T@g":{0:5,1:6}},"resetTable":{"T@g":{0:1800000000}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 100
		e, err := decodeOffsets(in, limit)
		if err != nil {
			return
		}
		if len(e.list)+e.refused > limit {
			t.Fatalf("%d offsets, %d refused, at most %d are allowed", len(e.list), e.refused, limit)
		}
		type queues map[string]map[int32]int64
		tables := func(e offsetEntries) (offsets, resets queues) {
			offsets, resets = queues{}, queues{}
			for _, o := range e.list {
				key := o.Topic + "@" + o.Group
				if offsets[key] == nil {
					offsets[key], resets[key] = map[int32]int64{}, map[int32]int64{}
				}
				offsets[key][o.QueueID], resets[key][o.QueueID] = o.Offset, int64(o.Version)
			}
			return offsets, resets
		}
		offsets, resets := tables(e)
		versions, err := json.Marshal(resets)
		if err != nil {
			t.Fatal(err)
		}
		again(t, `resetTable":`+string(versions)+`,"offsetTable`, offsets, func(b []byte) (queues, error) {
			e, err := decodeOffsets(b, limit)
			offsets, again := tables(e)
			if !reflect.DeepEqual(again, resets) {
				t.Errorf("%s decodes to versions %v, want %v", b, again, resets)
			}
			return offsets, err
		})
	})
}

func FuzzDecodeDelayOffsets(f *testing.F) {
	for _, version := range masters() {
		f.Add(answerOf(f, version, "45"))
	}
	f.Add([]byte(`{"offsetTable":{2:1,18:40},"log":{0:4096}}`))
	f.Add([]byte(`{"offsetTable":{},"transactions":{"0":5,"1":6},"log":{"0":4096}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if d, err := decodeDelayOffsets(in); err == nil {
			again(t, "offsetTable", d.offsets, func(b []byte) (map[int32]int64, error) {
				all, err := decodeDelayOffsets(b)
				return all.offsets, err
			})
			if d.phyOffset < 0 {
				t.Errorf("a log that ends at %d", d.phyOffset)
			}
			if at := d.transactions; at != nil && (len(at) != 2 || min(at[0], at[1]) < 0 || d.phyOffset == 0) {
				t.Errorf("transactions at %v with the log before %d", at, d.phyOffset)
			}
		}
	})
}

func FuzzDecodeModes(f *testing.F) {
	f.Add([]byte(`{"messageRequestModeMap":{"T":{"g":{"consumerGroup":"g","mode":"POP","popShareQueueNum":0,"topic":"T"}}}}`))
	f.Add([]byte(`{"messageRequestModeMap":{"T":{}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		all, _, _, err := decodeModes(in)
		if err != nil {
			return
		}
		again(t, "messageRequestModeMap", all, func(b []byte) (table.RequestModes, error) {
			all, _, _, err := decodeModes(b)
			return all, err
		})
	})
}
