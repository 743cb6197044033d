package limits

import "sync"

// seats are what is open at once, by key; a key with nothing open takes no memory.
type seats[K comparable] struct {
	most  int // of a key; 0: any number
	mu    sync.Mutex
	taken map[K]int
}

func newSeats[K comparable](most int) *seats[K] { return &seats[K]{most: most, taken: map[K]int{}} }

// enter takes a seat, which leave gives back; false when the key has taken all of its own.
func (s *seats[K]) enter(key K) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.taken[key] >= s.most {
		return false
	}
	s.taken[key]++
	return true
}

func (s *seats[K]) leave(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[key]--; s.taken[key] == 0 {
		delete(s.taken, key)
	}
}
