package store

import (
	"fmt"
	"sync"
	"testing"
)

// TestTopicsBeyondTheLimitAreCountedTogether, and stay where they are until one is
// deleted.
func TestTopicsBeyondTheLimitAreCountedTogether(t *testing.T) {
	var c topicCounts
	c.init(2)
	for i := range 4 {
		c.topic(fmt.Sprint("T", i)).put(1, 10)
	}
	c.topic("T0").get(2, 30)
	if n := len(*c.all.Load()); n != 2 || c.rest.Puts.Load() != 2 || c.rest.PutBytes.Load() != 20 {
		t.Errorf("%d topics have counts of their own, %d messages with %d bytes are of others", n, c.rest.Puts.Load(), c.rest.PutBytes.Load())
	}
	if c := c.topic("T0"); c.Puts.Load() != 1 || c.PutBytes.Load() != 10 || c.Gets.Load() != 2 || c.GetBytes.Load() != 30 {
		t.Errorf("T0 has %d messages in, %d out", c.Puts.Load(), c.Gets.Load())
	}
	c.forget("T0")
	c.forget("never there")
	c.topic("T4").put(1, 1)
	if got := (*c.all.Load())["T4"]; got == nil || got.Puts.Load() != 1 {
		t.Errorf("the room of a topic that was deleted is not used: %v", got)
	}
}

func TestManyCountOneNewTopic(t *testing.T) {
	var c topicCounts
	c.init(10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				c.topic(fmt.Sprint("T", i%5)).put(1, 1)
			}
		})
	}
	wg.Wait()
	for i := range 5 {
		if n := c.topic(fmt.Sprint("T", i)).Puts.Load(); n != 160 {
			t.Errorf("T%d has %d messages, want 160", i, n)
		}
	}
}
