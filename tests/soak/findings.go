//go:build linux

package main

import (
	"fmt"
	"strings"
	"sync"
)

// findings are what is wrong. The first ones are kept: what follows from them would fill pages.
type findings struct {
	mu    sync.Mutex
	first []string
	count int
}

const keptFindings = 20

func (f *findings) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if len(f.first) < keptFindings {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

// err is nil when nothing was found.
func (f *findings) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		return nil
	}
	return fmt.Errorf("%d findings:\n- %s", f.count, strings.Join(f.first, "\n- "))
}
