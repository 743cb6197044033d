package models

import (
	"fmt"
	"sync"
	"testing"
)

// The series of a node are bounded, however many apps it serves, and an app keeps the name that it got.
func TestAppLabelsAreBounded(t *testing.T) {
	var mu sync.Mutex
	begun := map[string]int{}
	labels := &appLabels{begin: func(label string) {
		mu.Lock()
		defer mu.Unlock()
		begun[label]++
	}}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 3 * maxAppLabels {
				labels.of(fmt.Sprint("app-", i))
			}
		})
	}
	wait.Wait()
	if len(begun) != maxAppLabels {
		t.Errorf("%d labels were made", len(begun))
	}
	others := 0
	for i := range 3 * maxAppLabels {
		id := fmt.Sprint("app-", i)
		switch label := labels.of(id); {
		case label == OtherApps && begun[id] == 0:
			others++
		case label != id || begun[id] != 1:
			t.Errorf("%s is %s, begun %d times", id, label, begun[id])
		}
	}
	if others != 2*maxAppLabels {
		t.Errorf("%d apps share a label", others)
	}
}
