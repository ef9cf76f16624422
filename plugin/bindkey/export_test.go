package bindkey

import (
	"testing"
	"time"
)

// AttemptSoon makes the plugins of a test try again soon to open what could not be
// opened, and returns how long the test has to wait.
func AttemptSoon(t testing.TB) (wait time.Duration) {
	before := betweenAttempts
	t.Cleanup(func() { betweenAttempts = before })
	betweenAttempts = 50 * time.Millisecond
	return betweenAttempts + 10*time.Millisecond
}
