// Package blobs keeps the bytes of files: in a folder, in an S3 bucket or in memory. What is being written is seen by
// nobody until it is complete, and lies on a disk meanwhile, never in memory.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// ErrNotFound says that there is nothing under a key.
var ErrNotFound = errors.New("there is nothing under this key")

// Store holds blobs under keys: lower-case letters, digits and slashes.
type Store struct {
	bucket *blob.Bucket
	folder string    // of a file:// store; empty: what is being written waits in a temporary file
	s3     *s3Writer // of an s3:// store
	recent *recent   // of a file:// store: what is not on the disk for certain
}

const (
	// folderMode is the one of the database's folder: the owner, and the group to make backups.
	folderMode = 0o750
	// unfinished ends the name of a file that is being written (gocloud.dev/blob/fileblob).
	unfinished = ".tmp"
	// A store that does not answer a look in this time is said to be away.
	lookTimeout = 5 * time.Second
)

// Open opens the store of a URL (API.md, "Configuration"): file:// with a path, whose folder is made; s3://bucket;
// mem://, which forgets everything at the end.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	scheme, rest, found := strings.Cut(rawURL, "://")
	if !found {
		return nil, errors.New("must be a URL such as file://data/files")
	}
	switch scheme {
	case "file":
		return openFolder(rest)
	case "mem":
		return &Store{bucket: memblob.OpenBucket(nil)}, checkSpool()
	case "s3":
		if err := checkSpool(); err != nil {
			return nil, err
		}
		return openS3(ctx, rawURL)
	}
	return nil, errors.New("must begin with file://, s3:// or mem://")
}

func openFolder(path string) (*Store, error) {
	if path == "" || strings.ContainsAny(path, "?#") {
		return nil, errors.New("a folder is file://path/of/it, or file:///an/absolute/path, without parameters")
	}
	bucket, err := fileblob.OpenBucket(path, &fileblob.Options{CreateDir: true, DirFileMode: folderMode,
		NoTempDir: true,                       // the system's may be another disk, onto which nothing can be renamed
		Metadata:  fileblob.MetadataDontWrite, // the database has it
	})
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err == nil {
		err = tryFolder(path)
	}
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return &Store{bucket: bucket, folder: path, recent: newRecent()}, nil
}

// tryFolder finds out at the start, and not at the first upload, that a folder cannot be written to.
func tryFolder(path string) error {
	f, err := os.CreateTemp(path, "start-*"+unfinished)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// checkSpool tells whether uploads can wait on a disk for their way to a store that is elsewhere.
func checkSpool() error {
	f, err := spoolFile()
	if err != nil {
		return fmt.Errorf("uploads wait in the temporary folder (TMPDIR) for their way to the store: %w", err)
	}
	return f.Close()
}

// Look asks whether the store can be reached.
func (s *Store) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	there, err := s.bucket.IsAccessible(ctx)
	if err == nil && !there {
		err = errors.New("the bucket does not exist, or is not for these credentials")
	}
	return err
}

// Close lets go of the store; nothing may be read or written any more.
func (s *Store) Close() error {
	return s.bucket.Close()
}

// Delete removes what is under a key, and what an upload that was cut off left of it. Nothing there is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = nil
	}
	if s.folder == "" {
		return err // what waited there had no name, and ended with its process
	}
	s.recent.forget(key)
	// A pattern for the key alone: the folder's own name may have brackets in it.
	left, globErr := fs.Glob(os.DirFS(s.folder), key+".*"+unfinished)
	for _, path := range left {
		globErr = errors.Join(globErr, os.Remove(filepath.Join(s.folder, filepath.FromSlash(path))))
	}
	return errors.Join(err, globErr)
}

// Content is a blob being read. Seek and Size need no look at the store.
type Content interface {
	io.ReadSeekCloser
	// Ready fails when what comes next cannot be read: ErrNotFound, or an error of the store.
	Ready() error
}

// Read opens a blob of a size that is known; ctx bounds the reading.
func (s *Store) Read(ctx context.Context, key string, size int64) (Content, error) {
	if s.folder == "" {
		return &remote{ctx: ctx, bucket: s.bucket, key: key, size: size}, nil
	}
	f, err := os.Open(filepath.Join(s.folder, filepath.FromSlash(key)))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return File{f}, nil
}
