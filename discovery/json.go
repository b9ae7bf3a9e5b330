package discovery

import (
	"encoding/json"
	"errors"
	"fmt"

	"pairmq/internal/javajson"
)

// ErrJSON is the cause of every refused body.
var ErrJSON = errors.New("discovery: bad JSON")

// decodeJava reads a peer's body into v, integer keys quoted or not. It fails
// with ErrJSON.
func decodeJava(body []byte, v any) error {
	body, err := javajson.QuoteKeys(body)
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	return nil
}
