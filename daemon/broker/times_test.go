package broker

import (
	"testing"
	"time"

	"pairmq/store"
)

func TestTimesAreInRocketMQsWords(t *testing.T) {
	var times store.Times
	for _, d := range []time.Duration{0, 900 * time.Microsecond, 3 * time.Millisecond, 70 * time.Millisecond, 3 * time.Second, time.Minute, time.Minute} {
		times.Send.Observe(d)
	}
	times.Get.Observe(12 * time.Millisecond)
	info := map[string]string{}
	addTimes(info, &times)
	for key, want := range map[string]string{
		"putMessageDistributeTime": "[<=0ms]:2 [0~10ms]:1 [10~50ms]:0 [50~100ms]:1 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:0 [1~2s]:0 [2~3s]:0 [3~4s]:0 [4~5s]:1 [5~10s]:0 [10s~]:2 ",
		"putMessageEntireTimeMax":  "60000", "getMessageEntireTimeMax": "12", "putLatency99": "10000.00", "putLatency999": "10000.00",
	} {
		if info[key] != want {
			t.Errorf("%s is %q, want %q", key, info[key], want)
		}
	}
}
