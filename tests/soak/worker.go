//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// work is what goes on beside the sends, each part at a rate of its own.
type work struct {
	name   string
	every  time.Duration
	doWith func(ctx context.Context, turn int) error
}

// rates are a second's work at full size. They are what 5,000 people might do: few do anything but read and write.
const (
	movesEvery   = 100 * time.Millisecond
	uploadsEvery = 300 * time.Millisecond
	readsEvery   = 100 * time.Millisecond
	visitsEvery  = time.Second
)

func (c *course) works() []work {
	m := &mover{c}
	return []work{{"members", movesEvery, m.move}, {"files", uploadsEvery, c.upload}, {"history", readsEvery, c.readPage}, {"visits", visitsEvery, c.visit}}
}

// keepBusy does all work until load ends; what is under way then is finished. Work that is behind is not made up for.
func (c *course) keepBusy(ctx, load context.Context) {
	var working sync.WaitGroup
	for _, w := range c.works() {
		working.Go(func() {
			for turn := 0; sleep(load, w.every/2+rand.N(w.every)) == nil; turn++ {
				if err := w.doWith(ctx, turn); err != nil && ctx.Err() == nil {
					c.findings.add("%s: %v", w.name, err)
				}
			}
		})
	}
	working.Wait()
}
