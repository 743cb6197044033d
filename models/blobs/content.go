package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// File is a blob in a folder: an open file, which the system can send without a copy.
type File struct{ *os.File }

// Ready has nothing to find out: the file is open.
func (File) Ready() error { return nil }

// remote is a blob that lives elsewhere. It asks for bytes when they are read, from where they are read.
type remote struct {
	ctx    context.Context
	bucket *blob.Bucket
	key    string
	size   int64
	at     int64
	reader *blob.Reader // at the place at; nil: not asked for yet
}

// Ready asks for what comes next.
func (r *remote) Ready() error {
	if r.reader != nil || r.at >= r.size {
		return nil
	}
	reader, err := r.bucket.NewRangeReader(r.ctx, r.key, r.at, -1, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	r.reader = reader
	return nil
}

// Read reads on.
func (r *remote) Read(p []byte) (int, error) {
	if err := r.Ready(); err != nil {
		return 0, err
	}
	if r.reader == nil {
		return 0, io.EOF
	}
	n, err := r.reader.Read(p)
	r.at += int64(n)
	if errors.Is(err, io.EOF) && r.at < r.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Seek moves without asking the store.
func (r *remote) Seek(offset int64, whence int) (int64, error) {
	at := offset
	switch whence {
	case io.SeekCurrent:
		at += r.at
	case io.SeekEnd:
		at += r.size
	}
	if at < 0 {
		return 0, fmt.Errorf("there is nothing at %d", at)
	}
	if at == r.at {
		return at, nil
	}
	r.at = at
	return at, r.Close()
}

// Close ends the reading.
func (r *remote) Close() error {
	if r.reader == nil {
		return nil
	}
	err := r.reader.Close()
	r.reader = nil
	return err
}
