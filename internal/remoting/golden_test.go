package remoting

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The frames in testdata/frames were captured between Apache RocketMQ 4.9.7
// (v4-), 5.4.0 (v5-) and rocketmq-client-go 2.1 (go-) peers; the first line of
// each says who sent it. They are hex text, # begins a comment.

func TestGoldenFrames(t *testing.T) {
	tests := []struct {
		name         string
		code         int32
		version      int32
		opaque, flag int32
		remark       string
		fields, body int
		key, value   string // one field of it
	}{
		{"go-route-response-unquoted", RespSuccess, 407, 2, 1, "", 0, 233, "", ""},
		{"v4-check-transaction-state", ReqCheckTransactionState, 407, 2016, 2, "", 5, 296, "tranStateTableOffset", "21"},
		{"v4-end-transaction-commit", ReqEndTransaction, 407, 10, 2, "", 7, 0, "commitOrRollback", "8"},
		{"v4-half-message-request", ReqSendMessageV2, 407, 7, 0, "", 13, 1, "a", "TPG"},
		{"v4-heartbeat-push-consumer", ReqHeartBeat, 407, 10, 0, "", 0, 607, "", ""},
		{"v4-notify-consumer-ids-changed", ReqNotifyConsumerIdsChanged, 407, 47, 2, "", 1, 0, "consumerGroup", "CG1"},
		{"v4-pull-request", ReqPullMessage, 407, 28, 0, "", 11, 0, "queueOffset", "0"},
		{"v4-pull-response-not-found", RespPullNotFound, 407, 40, 1, "NO_MESSAGE_IN_QUEUE", 4, 0, "nextBeginOffset", "0"},
		{"v4-pull-response-one-message", RespSuccess, 407, 5, 1, "FOUND", 4, 217, "maxOffset", "4"},
		{"v4-push-reply", ReqPushReplyMessageToClient, 407, 685, 0, "", 14, 5, "defaultTopic", "TBW102"},
		{"v4-register-broker-request", ReqRegisterBroker, 407, 0, 0, "", 7, 1402, "bodyCrc32", "373249035"},
		{"v4-reset-offset-push", ReqResetConsumerClientOffset, 407, 1695, 2, "", 4, 257, "timestamp", "-1"},
		{"v4-route-request", ReqGetRouteinfoByTopic, 407, 2, 0, "", 1, 0, "topic", "TopicTest"},
		{"v4-route-response", RespSuccess, 407, 2, 1, "", 0, 235, "", ""},
		{"v4-send-back-request", ReqConsumerSendMsgBack, 407, 33, 0, "", 8, 0, "offset", "2611"},
		{"v4-send-batch-request", ReqSendBatchMessage, 407, 5, 0, "", 13, 354, "m", "true"},
		{"v4-send-batch-response", RespSuccess, 407, 5, 1, "", 5, 0, "queueId", "3"},
		{"v4-send-v2-request", ReqSendMessageV2, 407, 8, 0, "", 13, 5, "i", "a\x015\x02KEYS\x01key1\x02UNIQ_KEY\x01FD00000000000000000000000000000249095FFD2B277204BD630000\x02WAIT\x01true\x02TAGS\x01TagA"},
		{"v4-send-v2-request-binary", ReqSendMessageV2, 407, 4, 0, "", 13, 5, "g", "1795404792787"},
		{"v4-send-v2-response", RespSuccess, 407, 8, 1, "", 5, 0, "msgId", "7F000001000051AF0000000000000000"},
		{"v4-send-v2-response-binary", RespSuccess, 407, 4, 1, "", 5, 0, "MSG_REGION", "DefaultRegion"},
		{"v4-topic-stats-response", RespSuccess, 407, 2, 1, "", 0, 513, "", ""},
		{"v5-check-transaction-state", ReqCheckTransactionState, 493, 2614, 2, "", 7, 411, "bname", "broker-a"},
		{"v5-lite-pull-request", ReqLitePullMessage, 493, 18, 0, "", 14, 0, "maxMsgBytes", "2147483647"},
		{"v5-send-v2-request", ReqSendMessageV2, 493, 6, 0, "", 13, 5, "n", "broker-a"},
		{"v5-send-v2-response", RespSuccess, 493, 6, 1, "", 6, 0, "TRACE_ON", "true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := decodeGolden(t, tt.name)
			want := Command{
				Code: tt.code, Version: tt.version, Opaque: tt.opaque, Flag: tt.flag, Remark: tt.remark,
				Fields: c.Fields, Body: c.Body, Serialize: c.Serialize,
			}
			if !reflect.DeepEqual(c, want) {
				t.Errorf("decodes to %+v, want %+v", c, want)
			}
			if len(c.Fields) != tt.fields || len(c.Body) != tt.body {
				t.Errorf("has %d fields and a body of %d, want %d and %d", len(c.Fields), len(c.Body), tt.fields, tt.body)
			}
			if got := c.Fields.Get(tt.key); got != tt.value {
				t.Errorf("Get(%q) = %q, want %q", tt.key, got, tt.value)
			}
		})
	}
	if files, _ := filepath.Glob("testdata/frames/*.hex"); len(files) != len(tests) {
		t.Errorf("%d tests for %d files", len(tests), len(files))
	}
}

// What Java peers sent, we send byte for byte, except that our responses always
// have extFields.
func TestGoldenFramesEncodeToThemselves(t *testing.T) {
	files, err := filepath.Glob("testdata/frames/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no frames: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hex")
		frame := readFrame(t, name)
		c := decodeGolden(t, name)
		got := AppendCommand([]byte("before"), &c)[len("before"):]
		if c.IsResponse() && len(c.Fields) == 0 {
			again, err := DecodeCommand(got, Limits{})
			if err != nil || !reflect.DeepEqual(again, c) {
				t.Errorf("%s: encodes to what decodes to %+v, %v, want %+v", name, again, err, c)
			}
			continue
		}
		if !bytes.Equal(got, frame) {
			t.Errorf("%s: encodes to\n%q, want\n%q", name, got, frame)
		}
	}
}

// readFrame returns a captured frame of testdata/frames.
func readFrame(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "frames", name+".hex"))
	if err != nil {
		tb.Fatal(err)
	}
	var digits []byte
	for line := range bytes.Lines(text) {
		if line[0] != '#' {
			digits = append(digits, bytes.TrimSpace(line)...)
		}
	}
	frame, err := hex.AppendDecode(nil, digits)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return frame
}

// decodeGolden returns the command of a captured frame.
func decodeGolden(tb testing.TB, name string) Command {
	tb.Helper()
	c, err := DecodeCommand(readFrame(tb, name), Limits{})
	if err != nil {
		tb.Fatalf("DecodeCommand(%s): %v", name, err)
	}
	return c
}
