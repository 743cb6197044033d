package faults

import (
	"os"
	"time"
)

// within is a promised time; a machine of CI, which others use too, gets three times as long.
func within(promise time.Duration) time.Duration {
	if os.Getenv("CI") != "" {
		return 3 * promise
	}
	return promise
}
