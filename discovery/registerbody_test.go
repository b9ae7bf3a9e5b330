package discovery

import (
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pairmq/store/table"
)

// goldenTopics is the table in the registration of a 4.9.7 broker.
var goldenTopics = []table.Topic{
	{Name: "SCHEDULE_TOPIC_XXXX", ReadQueueNums: 18, WriteQueueNums: 18, Perm: 6, FilterType: "SINGLE_TAG"},
	{Name: "SELF_TEST_TOPIC", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, FilterType: "SINGLE_TAG"},
	{Name: "DefaultCluster", ReadQueueNums: 16, WriteQueueNums: 16, Perm: 7, FilterType: "SINGLE_TAG"},
	{Name: "DefaultCluster_REPLY_TOPIC", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, FilterType: "SINGLE_TAG"},
	{Name: "broker-a", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 7, FilterType: "SINGLE_TAG"},
	{Name: "TBW102", ReadQueueNums: 8, WriteQueueNums: 8, Perm: 7, FilterType: "SINGLE_TAG"},
	{Name: "BenchmarkTest", ReadQueueNums: 1024, WriteQueueNums: 1024, Perm: 6, FilterType: "SINGLE_TAG"},
	{Name: "OFFSET_MOVED_EVENT", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, FilterType: "SINGLE_TAG"},
}

func TestDecodeRegisterBodyGolden(t *testing.T) {
	body := goldenBody(t, "v4-register-broker-request.hex")
	if crc := BodyCRC32(body); crc != 373249035 { // bodyCrc32 in the captured header
		t.Errorf("BodyCRC32 = %d, want 373249035", crc)
	}
	got, err := DecodeRegisterBody(body, 8)
	want := RegisterBody{Topics: goldenTopics, Version: table.DataVersion{Timestamp: 1795403999007}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("DecodeRegisterBody = %+v, %v, want %+v", got, err, want)
	}
	if _, err := DecodeRegisterBody(body, 7); !errors.Is(err, ErrTooManyTopics) {
		t.Errorf("DecodeRegisterBody with room for 7 topics gives %v, want ErrTooManyTopics", err)
	}
}

// What we send is what the broker sent, but for the stateVersion of 5.x.
func TestEncodeRegisterBodyGolden(t *testing.T) {
	body := RegisterBody{Topics: goldenTopics, Version: table.DataVersion{Timestamp: 1795403999007}}
	enc, err := body.Encode()
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(string(enc), `"stateVersion":0,`, "", 1)
	var got, want any
	if err := json.Unmarshal([]byte(plain), &got); err != nil {
		t.Fatalf("Encode gives %s: %v", enc, err)
	}
	if err := json.Unmarshal(goldenBody(t, "v4-register-broker-request.hex"), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Encode gives %s, want the like of %v", enc, want)
	}
}

func TestDecodeRegisterBody(t *testing.T) {
	tests := []struct {
		name, body string
		want       RegisterBody
		err        error
	}{
		{"no body", ``, RegisterBody{}, nil},
		{"nothing in it", `{}`, RegisterBody{}, nil},
		{"nulls", `{"topicConfigSerializeWrapper":{"dataVersion":null,"topicConfigTable":null}}`, RegisterBody{}, nil},
		{"5.x with mapping and attributes", `{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":3,"stateVersion":2,"timestamp":1},` +
			`"mappingDataVersion":{"counter":0},"topicConfigTable":{"T":{"attributes":{"+a":"b"},"topicName":"T","perm":6}},"topicQueueMappingInfoMap":{"T":{"currIdMap":{0:0}}}}}`,
			RegisterBody{Topics: []table.Topic{{Name: "T", Perm: 6}}, Version: table.DataVersion{StateVersion: 2, Timestamp: 1, Counter: 3}}, nil},
		{"name only in the key", `{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{}}}}`, RegisterBody{Topics: []table.Topic{{Name: "T"}}}, nil},
		{"table is a list", `{"topicConfigSerializeWrapper":{"topicConfigTable":[]}}`, RegisterBody{}, ErrJSON},
		{"topic is a number", `{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":1}}}`, RegisterBody{}, ErrJSON},
		{"number too large", `{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":2147483648}}}}`, RegisterBody{}, ErrJSON},
		{"cut short", `{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{}`, RegisterBody{}, ErrJSON},
	}
	for _, tt := range tests {
		got, err := DecodeRegisterBody([]byte(tt.body), 10)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: DecodeRegisterBody(%s) = %+v, %v, want %+v, %v", tt.name, tt.body, got, err, tt.want, tt.err)
		}
	}
}

func FuzzDecodeRegisterBody(f *testing.F) {
	f.Add(goldenBody(f, "v4-register-broker-request.hex"))
	f.Add([]byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"topicName":"T","perm":6}},"m":{0:1}}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := DecodeRegisterBody(in, 100)
		if err != nil {
			return
		}
		if len(b.Topics) > 100 {
			t.Fatalf("%q decodes to %d topics", in, len(b.Topics))
		}
		if slices.ContainsFunc(b.Topics, func(t table.Topic) bool { return t.Name == "" }) {
			return // written under an empty key, which is what it was
		}
		enc, err := b.Encode()
		if err != nil {
			t.Fatalf("%q decodes to %+v, which does not encode: %v", in, b, err)
		}
		if again, err := DecodeRegisterBody(enc, 100); err != nil || !reflect.DeepEqual(again, b) {
			t.Errorf("%q decodes to %+v, encodes to %q and decodes to %+v, %v", in, b, enc, again, err)
		}
	})
}

// What is dropped costs nothing while it is read: a list of a million filter servers would
// be five times the body.
func TestWhatIsDroppedCostsNoMemory(t *testing.T) {
	body := []byte(`{"filterServerList":[""` + strings.Repeat(`,""`, 1<<20) + `],"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":6}}}}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := DecodeRegisterBody(body, 8)
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Topics) != 1 {
		t.Errorf("DecodeRegisterBody = %+v, %v, want one topic", got, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 3*uint64(len(body)) {
		t.Errorf("%d bytes were allocated for a body of %d", n, len(body))
	}
}
