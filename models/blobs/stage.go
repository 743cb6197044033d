package blobs

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"gocloud.dev/blob"
)

// mimeType is what the store is told: what a blob really is, the database knows, and nobody reads here but this server.
const mimeType = "application/octet-stream"

const (
	// A store that takes less than commitRate bytes a second, or nothing for commitTimeout, is told as away: its caller
	// waits. commitRate is far below what any store in reach does.
	commitTimeout = 20 * time.Second
	commitRate    = 1 << 20
)

// Stage is a blob that is being written. It must end with Commit or Discard.
type Stage struct {
	store  *Store
	key    string
	file   *os.File     // holds the bytes, and can be read while it does
	writer *blob.Writer // of a file:// store: file is what it will rename
	cancel context.CancelFunc
	size   int64
}

// Stage begins a blob.
func (s *Store) Stage(key string) (*Stage, error) {
	stage := &Stage{store: s, key: key, cancel: func() {}}
	if s.folder == "" {
		var err error
		stage.file, err = spoolFile()
		return stage, err
	}
	var ctx context.Context
	ctx, stage.cancel = context.WithCancel(context.Background())
	writer, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: mimeType,
		BeforeWrite: func(as func(any) bool) error {
			if !as(&stage.file) {
				return errors.New("the folder's writer has no file")
			}
			return nil
		}})
	if err != nil {
		stage.cancel()
		return nil, err
	}
	stage.writer = writer
	return stage, nil
}

// spoolFile makes a file in the temporary folder that has no name: it ends with its process, however that ends.
func spoolFile() (*os.File, error) {
	f, err := os.CreateTemp("", "parley-upload-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Write adds bytes; the larger the pieces, the faster.
func (s *Stage) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// ReadAt reads what has been written.
func (s *Stage) ReadAt(p []byte, at int64) (int, error) { return s.file.ReadAt(p, at) }

// Size is how much has been written, in bytes.
func (s *Stage) Size() int64 { return s.size }

// Commit puts the blob under its key, whole. On an error there is nothing under it, or, where the store did not say
// what became of it, perhaps the whole: Delete then.
func (s *Stage) Commit(ctx context.Context) error {
	defer s.cancel()
	if s.writer != nil {
		err := s.writer.Close()
		if err == nil {
			s.store.recent.add(s.store.folder, s.key)
		}
		return err
	}
	defer s.file.Close()
	ctx, cancel := context.WithTimeout(ctx, commitTimeout+time.Duration(s.size/commitRate)*time.Second)
	defer cancel()
	body := io.NewSectionReader(s.file, 0, s.size)
	if s.store.s3 != nil {
		return s.store.s3.put(ctx, s.key, mimeType, body, s.size)
	}
	return s.store.bucket.Upload(ctx, s.key, body, &blob.WriterOptions{ContentType: mimeType})
}

// Discard forgets what has been written.
func (s *Stage) Discard() {
	s.cancel()
	if s.writer != nil {
		_ = s.writer.Close() // of a cancelled context: it removes its file, and always fails
		return
	}
	_ = s.file.Close() // it has no name any more
}
