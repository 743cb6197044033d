package blobs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// recent knows the blobs of a folder that the system may still hold in its memory alone. An upload does not wait for the
// disk, which takes two to four times as long as the upload, and many at once would hold up the commits of a database on
// the same disk; whoever promises somebody that a blob will be there waits, with Settled.
type recent struct {
	mu    sync.Mutex
	added map[string]time.Time
}

const (
	// After this the system has written it by itself; Linux does after half a minute.
	writtenByItself = 5 * time.Minute
	// So many are remembered before the old ones are forgotten.
	maxRecent = 10_000
)

func newRecent() *recent { return &recent{added: map[string]time.Time{}} }

func (r *recent) add(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if len(r.added) >= maxRecent {
		for old, at := range r.added {
			if now.Sub(at) > writtenByItself {
				delete(r.added, old)
			}
		}
	}
	r.added[key] = now
}

func (r *recent) has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, has := r.added[key]
	return has
}

func (r *recent) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.added, key)
}

// Settled returns when a blob that is there is on the disk for certain, so that a power cut does not lose it.
func (s *Store) Settled(key string) error {
	if s.recent == nil || !s.recent.has(key) {
		return nil // a store that is elsewhere had it when it said so
	}
	err := syncBlob(s.folder, key)
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile: nobody can be promised it
		err = nil
	}
	if err == nil {
		s.recent.forget(key)
	}
	return err
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
