package tests

import (
	"encoding/json"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// parallel runs do for 0 … n-1, many at once, and waits for all.
func parallel(n int, do func(i int)) {
	var wait sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range n {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	wait.Wait()
}

// atOnce bounds what parallel begins: a server that is tested answers each call within its 3 s, on a slow machine and under the race
// detector too, and has nothing of the time that hundreds of others take.
const atOnce = 64

// decode reads a JSON object.
func decode(t testing.TB, text string) JSON {
	t.Helper()
	var object JSON
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return object
}
