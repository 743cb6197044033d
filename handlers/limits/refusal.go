package limits

import (
	"fmt"
	"time"

	"parley/models"
)

// Refusal is the failure of a call that was too much: 429. Nothing of it has been done.
type Refusal struct {
	problem *models.Error
	limit   string // its name
	quota   int
	unit    string // of the quota; empty: in a minute
}

// told is what a caller is told who is refused.
type told struct{ code, detail string }

func newRefusal(limit string, quota int, unit string, told told, wait time.Duration) *Refusal {
	allowed := "a minute"
	if unit != "" {
		allowed = "at once"
	}
	// A time of nothing would be no time to wait.
	return &Refusal{limit: limit, quota: quota, unit: unit, problem: &models.Error{Kind: models.TooMany, Code: told.code,
		Detail: fmt.Sprintf("%s: a node allows %d %s", told.detail, quota, allowed), RetryAfter: max(wait, time.Millisecond)}}
}

func (r *Refusal) Error() string { return r.problem.Error() }

// Unwrap gives the failure as a caller may see it.
func (r *Refusal) Unwrap() error { return r.problem }

// Fields are the values of the fields RateLimit-Policy and RateLimit in the form of draft-ietf-httpapi-ratelimit-headers
// since its version 08: named items with q, the quota, w, its window in seconds, or qu, its unit; r, what is left of it,
// and t, the seconds until there is more.
func (r *Refusal) Fields() (policy, state string) {
	if r.unit != "" {
		return fmt.Sprintf("%q;q=%d;qu=%q", r.limit, r.quota, r.unit), fmt.Sprintf("%q;r=0", r.limit)
	}
	return fmt.Sprintf("%q;q=%d;w=%d", r.limit, r.quota, int(window.Seconds())), fmt.Sprintf("%q;r=0;t=%d", r.limit, r.problem.RetrySeconds())
}
