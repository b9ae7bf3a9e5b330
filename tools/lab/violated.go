package main

import (
	"errors"
	"fmt"

	"pairmq/tools/lab/promise"
)

// violated makes an error of violations, the first ones in words.
func violated(found []promise.Violation) error {
	var errs []error
	for i, v := range found {
		if i == 20 {
			errs = append(errs, fmt.Errorf("and %d more", len(found)-i))
			break
		}
		errs = append(errs, errors.New(v.String()))
	}
	return errors.Join(errs...)
}
