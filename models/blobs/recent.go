package blobs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// recent knows the blobs of a folder that the system may still hold in its memory alone. They are written through to the
// disk in the background, so that an upload need not wait for it: on a disk it takes two to four times as long as the
// upload. Whoever promises somebody that a blob will be there waits with Settled.
type recent struct {
	turns   chan struct{}
	working sync.WaitGroup

	mu      sync.Mutex
	pending map[string]*settling
}

// settling is one blob on its way to the disk.
type settling struct {
	done chan struct{}
	err  error // once done is closed
}

// syncsAtOnce: a disk takes a few together as fast as one, and many no faster.
const syncsAtOnce = 4

func newRecent() *recent {
	return &recent{turns: make(chan struct{}, syncsAtOnce), pending: map[string]*settling{}}
}

func (r *recent) add(folder, key string) {
	s := &settling{done: make(chan struct{})}
	r.mu.Lock()
	r.pending[key] = s
	r.mu.Unlock()
	r.working.Go(func() {
		r.turns <- struct{}{}
		s.err = syncBlob(folder, key)
		<-r.turns
		close(s.done)
		if s.err == nil || errors.Is(s.err, os.ErrNotExist) { // deleted meanwhile
			r.mu.Lock()
			delete(r.pending, key)
			r.mu.Unlock()
		}
	})
}

// close waits for what is on its way.
func (r *recent) close() { r.working.Wait() }

// Settled waits until a blob that is there is on the disk for certain, so that a power cut does not lose it.
func (s *Store) Settled(ctx context.Context, key string) error {
	if s.recent == nil {
		return nil // the store had it when it said so
	}
	s.recent.mu.Lock()
	pending := s.recent.pending[key]
	s.recent.mu.Unlock()
	if pending == nil {
		return nil
	}
	select {
	case <-pending.done:
		return pending.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// syncBlob writes a file through to the disk, and the folders on the way to it, which may be new.
func syncBlob(folder, key string) error {
	path := filepath.Join(folder, filepath.FromSlash(key))
	for {
		if err := syncPath(path); err != nil {
			return err
		}
		if path == folder {
			return nil
		}
		path = filepath.Dir(path)
	}
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
