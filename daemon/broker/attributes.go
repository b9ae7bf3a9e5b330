package broker

import (
	"maps"
	"strings"

	"pairmq/internal/remoting"
)

// changeAttributes returns old with the changes in text, 5.x's form: "+key=value"
// sets one, "-key" drops one, commas part them. old stays as it is.
func changeAttributes(old map[string]string, text string) (map[string]string, error) {
	if text == "" {
		return old, nil
	}
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	for change := range strings.SplitSeq(text, ",") {
		change = strings.TrimSpace(change)
		key, value, isSet := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(change, "+"), "-"), "=")
		if key == "" || len(key) > maxAttributeLen || len(value) > maxAttributeLen {
			return nil, errAttributes(change)
		}
		switch {
		case change[0] == '+' && isSet && value != "":
			all[key] = value
		case change[0] == '-' && !isSet:
			delete(all, key)
		default:
			return nil, errAttributes(change)
		}
	}
	if len(all) > maxAttributes {
		return nil, refuse(remoting.RespInvalidParameter, "%d attributes, at most %d are allowed", len(all), maxAttributes)
	}
	return all, nil
}

func errAttributes(change string) error {
	return refuse(remoting.RespInvalidParameter, "the attribute change %.60q is neither +key=value nor -key", change)
}

// attributeText is the attributes of a topic in a body, which have the plus
// sign in their names or not, as changeAttributes reads them.
func attributeText(attributes map[string]string) (string, error) {
	var all []string
	for key, value := range attributes {
		if strings.ContainsAny(key, ",=") || strings.Contains(value, ",") {
			return "", errAttributes(key)
		}
		all = append(all, "+"+strings.TrimPrefix(key, "+")+"="+value)
	}
	return strings.Join(all, ","), nil
}
