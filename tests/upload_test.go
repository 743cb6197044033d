package tests

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestUploadKnownToBeTooLargeIsNotRead: who says the length first is told before it has sent anything.
func TestUploadKnownToBeTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	conn := s.Dial(t)
	fmt.Fprintf(conn, "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		tom.Token, 1<<30)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %s", response.Status)
	}
}

// TestUploadThatIsCutOffLeavesNothing: the caller goes away in the middle, in all the ways that a caller can.
func TestUploadThatIsCutOffLeavesNothing(t *testing.T) {
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom := s.Login(t, "Tom", "")
		for i := range 12 {
			conn := tom.BeginUpload(t, RandomBytes(i*200_000))
			switch i % 3 {
			case 0: // an end of the stream
			case 1: // a reset
				if err := conn.SetLinger(0); err != nil {
					t.Fatal(err)
				}
			case 2: // it says no more, and waits for the answer
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if response.Body.Close(); response.StatusCode < 400 {
					t.Errorf("half a form is answered %s", response.Status)
				}
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		files.WantStored(t, db, 0)
	})
}

// TestFailingStoreLeavesNoRecord: 503 while the store is away, and all is well when it is back; messages go on meanwhile.
func TestFailingStoreLeavesNoRecord(t *testing.T) {
	t.Parallel()
	s3 := StartS3(t)
	db := SQLite(t)
	s := Start(t, db, inStore(FileStore{URL: s3.FilesURL()}))
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t)
	data := RandomBytes(100_000)
	kept := tom.Keep(t, "a", data)
	s3.Kill(t)
	if answer := tom.Upload(t, "b", data).WantProblem(503, "file_store_unavailable", ""); answer.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", answer.Header)
	}
	away := s.Fetch(t, kept["url"]).WantProblem(503, "file_store_unavailable", "")
	for _, name := range []string{"ETag", "Content-Disposition", "Accept-Ranges"} {
		if away.Header.Get(name) != "" {
			t.Errorf("the failure has the file's %s", name)
		}
	}
	tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": kept["id"]}})
	s3.Start(t)
	bytesAre(t, s.Fetch(t, kept["url"]).Want(200), data)
	tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": tom.Keep(t, "c", data)["id"]}})
	// While the store is away nobody can tell whether it has the bytes, so the row of the upload, which no answer shows, may wait
	// for the sweep.
	files := FileStore{URL: s3.FilesURL(), Folder: s3.Folder}
	files.SweepAt(t, db, time.Now().Add(25*time.Hour))
	files.WantStored(t, db, 2)
}

// TestFolderThatIsGone: the same of a folder.
func TestFolderThatIsGone(t *testing.T) {
	t.Parallel()
	db, files := SQLite(t), Folder(t)
	s := Start(t, db, inStore(files))
	tom := s.Login(t, "Tom", "")
	kept := tom.Keep(t, "a", []byte("a"))
	moved := files.Folder + ".away"
	if err := os.Rename(files.Folder, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Folder, nil, 0o600); err != nil { // no folder can be made there
		t.Fatal(err)
	}
	tom.Upload(t, "b", []byte("b")).WantProblem(503, "file_store_unavailable", "")
	s.Fetch(t, kept["url"]).WantProblem(503, "file_store_unavailable", "")
	if err := errors.Join(os.Remove(files.Folder), os.Rename(moved, files.Folder)); err != nil {
		t.Fatal(err)
	}
	bytesAre(t, s.Fetch(t, kept["url"]).Want(200), []byte("a"))
	files.WantStored(t, db, 1)
}

// TestDatabaseThatIsAwayDuringAnUpload: the bytes are in, the record cannot be written.
func TestDatabaseThatIsAwayDuringAnUpload(t *testing.T) {
	t.Parallel()
	db, files := SQLite(t), Folder(t)
	s := Start(t, db, inStore(files))
	tom := s.Login(t, "Tom", "")
	lock, err := OpenSQL(t, db).Begin()
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan *Answer)
	go func() { waiting <- tom.Upload(t, "a", RandomBytes(100_000)) }()
	Eventually(t, "the bytes come in", func() bool { return len(files.Stored(t)) == 1 })
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	(<-waiting).Want(201)
	files.WantStored(t, db, 1)
}
