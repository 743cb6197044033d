package blobs

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// stores opens one store of each kind that needs no server; tests/s3_test.go has the other.
func stores(t *testing.T) map[string]*Store {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	all := map[string]*Store{}
	for name, url := range map[string]string{"file": "file://" + filepath.Join(t.TempDir(), "made", "on", "the [way]"), "mem": "mem://"} {
		s, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all[name] = s
	}
	return all
}

func stage(t *testing.T, s *Store, key string, data []byte) *Stage {
	t.Helper()
	stage, err := s.Stage(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stage.Write(data); err != nil {
		t.Fatal(err)
	}
	return stage
}

func wantNothing(t *testing.T, s *Store, key string) {
	t.Helper()
	content, err := s.Read(t.Context(), key, 1)
	if err == nil {
		defer content.Close()
		err = content.Ready()
	}
	if !errors.Is(err, ErrNotFound) {
		t.Fatalf("reading what is not there: %v", err)
	}
}

func TestBlobIsThereWholeOrNotAtAll(t *testing.T) {
	data := make([]byte, 300_000)
	rand.Read(data)
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const key = "1/ab/blob"
			begun := stage(t, s, key, data)
			wantNothing(t, s, key)
			middle := make([]byte, 1000)
			if _, err := begun.ReadAt(middle, 200_000); err != nil || !bytes.Equal(middle, data[200_000:201_000]) || begun.Size() != int64(len(data)) {
				t.Fatalf("read back %v, of %d bytes", err, begun.Size())
			}
			begun.Discard()
			wantNothing(t, s, key)
			if err := stage(t, s, key, data).Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Settled(key); err != nil {
				t.Fatal(err)
			}
			content, err := s.Read(t.Context(), key, int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			defer content.Close()
			whole, err := io.ReadAll(content)
			if err != nil || !bytes.Equal(whole, data) {
				t.Fatalf("%d bytes came back, %v", len(whole), err)
			}
			if at, err := content.Seek(-10, io.SeekEnd); err != nil || at != int64(len(data)-10) {
				t.Fatalf("at %d, %v", at, err)
			}
			if err := content.Ready(); err != nil {
				t.Fatal(err)
			}
			if end, err := io.ReadAll(content); err != nil || !bytes.Equal(end, data[len(data)-10:]) {
				t.Fatalf("the end is %x, %v", end, err)
			}
			for range 2 {
				if err := s.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			wantNothing(t, s, key)
		})
	}
}

// What a process that was killed had begun to write is removed with its key, and nothing of another key's.
func TestDeleteRemovesWhatWasCutOff(t *testing.T) {
	s := stores(t)["file"]
	other := stage(t, s, "1/ab/blob-2", []byte("x"))
	cut := stage(t, s, "1/ab/blob", []byte("half"))
	if err := s.Delete(t.Context(), "1/ab/blob"); err != nil {
		t.Fatal(err)
	}
	defer cut.Discard() // at the end: it would remove what Delete has to
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := filepath.WalkDir(s.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, filepath.Base(path))
		}
		return err
	})
	if err != nil || len(left) != 1 || left[0] != "blob-2" {
		t.Fatalf("left are %v, %v", left, err)
	}
}

func TestStoresThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "data/files", "file://", "file://a?create_dir=1", "ftp://host", "s3://", "s3://bucket?regoin=x", "file://" + file} {
		if s, err := Open(t.Context(), url); err == nil {
			t.Errorf("%q was opened", url)
			_ = s.Close()
		}
	}
}
