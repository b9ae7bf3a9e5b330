package pop

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseHandle(t *testing.T) {
	tests := []struct {
		text string // the first one is what a 5.4.0 client made
		want Handle
		ok   bool
	}{
		{"0 1795404871952 60000 0 0 broker-a 1 2", Handle{1795404871952, 60000, 0}, true},
		{"0 1795404871952 60000 999 1 broker-a 1", Handle{1795404871952, 60000, OrderedRevive}, true},
		{"0 1795404871952 60000 0 0 broker-a", Handle{}, false},
		{"0 -1 60000 0 0 broker-a 1 2", Handle{}, false},
		{"0 1 9223372036854775808 0 0 broker-a 1 2", Handle{}, false},
		{"0 1 2 2147483648 0 broker-a 1 2", Handle{}, false},
		{"", Handle{}, false},
		{"0 1 2 3 0 " + strings.Repeat("b", maxHandle) + " 1 2", Handle{}, false},
	}
	for _, test := range tests {
		if got, err := ParseHandle(test.text); got != test.want || (err == nil) != test.ok {
			t.Errorf("ParseHandle(%.60q) = %+v, %v, want %+v, %v", test.text, got, err, test.want, test.ok)
		}
	}
}

func TestOffsetInfos(t *testing.T) {
	start, all := OffsetInfos("T", 2, []int64{7, 8, 11})
	if start != "0 2 7" || all != "0 2 7,8,11" {
		t.Errorf("%q, %q", start, all)
	}
	if start, all = OffsetInfos("%RETRY%g_T", 0, []int64{0}); start != "1 0 0" || all != "1 0 0" {
		t.Errorf("of a retry topic: %q, %q", start, all)
	}
}

func TestCountInfo(t *testing.T) {
	for _, test := range []struct {
		counts []int32
		want   string
	}{
		{nil, ""}, {[]int32{0, 0, 0}, "0 2 0"}, {[]int32{3, 1, 0}, "0 qo2%7 3;0 qo2%8 1;0 2 0"}, {[]int32{3, 1, 1}, "0 qo2%7 3;0 qo2%8 1;0 qo2%11 1;0 2 1"},
	} {
		if got := CountInfo("T", 2, []int64{7, 8, 11}, test.counts); got != test.want {
			t.Errorf("CountInfo of %d is %q, want %q", test.counts, got, test.want)
		}
	}
}

func FuzzParseHandle(f *testing.F) {
	f.Add("0 1795404871952 60000 0 0 broker-a 1 2")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHandle(text)
		if err != nil {
			return
		}
		again, err := ParseHandle(fmt.Sprintf("0 %d %d %d 0 b 0", h.PopTime, h.Invisible, h.Revive))
		if err != nil || again != h {
			t.Errorf("%q is %+v, which is %+v, %v", text, h, again, err)
		}
	})
}

func TestDecodeAcks(t *testing.T) {
	const head = `{"brokerName":"broker-a","acks":[`
	tests := []struct {
		body, want string // want is empty where the body is refused
	}{
		{head + `{"c":"g","t":"T","r":"0","so":5,"q":1,"rq":0,"pt":100,"it":200,"b":"BQ=="}]}`, "[{g T 1 {100 200 0} [5 7]}]"},
		{head + `{"c":"g","t":"T","r":"1","so":0,"q":0,"rq":3,"pt":100,"it":200,"b":"AAE="}]}`, "[{g %RETRY%g_T 0 {100 200 3} [8]}]"},
		{head + `{"c":"g","t":"T","r":"2","b":"AQ=="}]}`, "[{g %RETRY%g+T 0 {0 0 0} [0]}]"},
		{head + `{"consumerGroup":"g","topic":"T","retry":"0","startOffset":5,"queueId":1,"reviveQueueId":2,"popTime":100,"invisibleTime":200,"bitSet":"BQ=="}]}`, "[{g T 1 {100 200 2} [5 7]}]"},
		{head + `]}`, "[]"},
		{head + `{"c":"g","t":"T","r":"3","b":"AQ=="}]}`, ""},
		{head + `{"c":"g","t":"","b":"AQ=="}]}`, ""},
		{head + `{"c":"g","t":"T","so":-1,"b":"AQ=="}]}`, ""},
		{head + `{"c":"g","t":"T","so":9223372036854775807,"b":"AQ=="}]}`, ""},
		{head + `{"c":"g","t":"T","b":"` + strings.Repeat("////", maxAckSet/3+1) + `"}]}`, ""},
		{`[]`, ""},
	}
	for _, test := range tests {
		acks, err := DecodeAcks([]byte(test.body))
		got := fmt.Sprint(acks)
		if err != nil {
			got = ""
		}
		if got != test.want {
			t.Errorf("DecodeAcks(%.120s) = %s, %v, want %s", test.body, got, err, test.want)
		}
	}
}

func FuzzDecodeAcks(f *testing.F) {
	f.Add([]byte(`{"acks":[{"c":"g","t":"T","r":"1","so":5,"q":1,"rq":0,"pt":100,"it":200,"b":"BQ=="}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		acks, err := DecodeAcks(body)
		n := 0
		for _, a := range acks {
			for i, o := range a.Offsets {
				if o < 0 || i > 0 && o <= a.Offsets[i-1] {
					t.Errorf("%s: offsets %d", body, a.Offsets)
				}
			}
			n += len(a.Offsets)
		}
		if err == nil && n > maxAcked {
			t.Errorf("%d messages", n)
		}
	})
}

func TestShare(t *testing.T) {
	halves := func(at int) []int { return []int{2 * at, 2*at + 1} } // 8 queues, 4 clients
	for _, test := range []struct {
		queues, count, at, others int
		want                      string
	}{
		{8, 4, 0, 0, "[-1]"}, {8, 4, 0, -1, "[-1]"}, {8, 4, 0, 3, "[-1]"}, {8, 4, 0, 1, "[0 1 2 3]"}, {8, 4, 3, 2, "[6 7 0 1 2 3]"},
		{2, 4, 3, 1, "[1]"}, {0, 4, 0, 1, "[]"}, {8, 0, 0, 1, "[]"}, {8, 1, 0, 1, "[-1]"},
	} {
		if got := fmt.Sprint(Share(test.queues, test.count, test.at, test.others, halves)); got != test.want {
			t.Errorf("Share(%d, %d, %d, %d) = %s, want %s", test.queues, test.count, test.at, test.others, got, test.want)
		}
	}
}
