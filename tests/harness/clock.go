package harness

import (
	"sync"
	"time"
)

// Clock stands still until a test moves it: for what depends on how much time passes and not on the time of day.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// StoppedClock is one that shows the time of now.
func StoppedClock() *Clock { return &Clock{now: time.Now()} }

// Now is the time that it shows; app.Config's Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pass lets time go by.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
