package pop

import (
	"strings"

	"pairmq/store/table"
)

// Marks of the kind of topic that a message was popped from, as handles and offset
// infos have them.
const (
	kindNormal  = "0"
	kindRetry   = "1" // %RETRY%group_topic
	kindRetryV2 = "2" // %RETRY%group+topic, which no broker has unless it is told to
)

// RetryTopic returns the topic in which a group finds messages of topic again that it
// did not acknowledge; of such a topic it is that topic itself.
func RetryTopic(group, topic string) string {
	if strings.HasPrefix(topic, table.RetryPrefix) {
		return topic
	}
	return table.RetryPrefix + group + "_" + topic
}

// kindOf returns the mark of a topic.
func kindOf(topic string) string {
	if strings.HasPrefix(topic, table.RetryPrefix) {
		return kindRetry
	}
	return kindNormal
}
