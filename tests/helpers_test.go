package tests

import (
	"encoding/json"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// parallel runs do for 0 … n-1 at once and waits for all.
func parallel(n int, do func(i int)) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { do(i) })
	}
	wait.Wait()
}

// decode reads a JSON object.
func decode(t testing.TB, text string) JSON {
	t.Helper()
	var object JSON
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return object
}
