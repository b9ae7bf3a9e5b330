package main

import (
	"context"
	"fmt"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
)

// callTime is how long a daemon may take to make a topic.
const callTime = 30 * time.Second

func topicName(i int) string { return fmt.Sprintf("Budget%03d", i) }

// makeTopics makes the topics as a person would.
func makeTopics(ctx context.Context, broker string) error {
	c := harness.NewClient(callTime, callTime)
	defer c.Close()
	for i := range topicCount {
		_, err := c.Ask(ctx, broker, remoting.ReqUpdateAndCreateTopic, remoting.Fields{
			{Key: "topic", Value: topicName(i)}, {Key: "defaultTopic", Value: "TBW102"}, {Key: "readQueueNums", Value: "8"}, {Key: "writeQueueNums", Value: "8"},
			{Key: "perm", Value: "6"}, {Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
		})
		if err != nil {
			return fmt.Errorf("make topic %s: %w", topicName(i), err)
		}
	}
	return nil
}
