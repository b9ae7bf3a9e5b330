package broker

import (
	"slices"
	"strings"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
)

// A tagFilter passes the records whose tag has one of these hashes, which are
// sorted. Two tags may share a hash; the client looks again.
type tagFilter []int32

// Match says whether a record may have one of the filter's tags.
func (f tagFilter) Match(tagsCode int64) bool {
	code := int32(tagsCode)
	if len(f) <= 8 {
		return slices.Contains(f, code)
	}
	_, ok := slices.BinarySearch(f, code)
	return ok
}

// parseTags reads a subscription expression such as "TagA || TagB". "*" and ""
// subscribe to everything: no tags. One without any tag is refused.
func parseTags(expression string) ([]string, error) {
	if expression == "" || expression == "*" {
		return nil, nil
	}
	var tags []string
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
		if len(tags) > maxTags {
			return nil, refuse(remoting.RespSubscriptionParseFailed, "more than %d tags in a subscription", maxTags)
		}
	}
	if tags == nil {
		return nil, refuse(remoting.RespSubscriptionParseFailed, "no tag in the subscription %.40q", expression)
	}
	return tags, nil
}

// filterOf returns the filter for tags, nil for none.
func filterOf(tags []string) store.Filter {
	if tags == nil {
		return nil
	}
	f := make(tagFilter, len(tags))
	for i, tag := range tags {
		f[i] = int32(record.TagsCode(tag))
	}
	slices.Sort(f)
	return f
}

// byTag says whether an expression type filters by tag; the other is SQL92.
func byTag(expressionType string) bool { return expressionType == "" || expressionType == "TAG" }
