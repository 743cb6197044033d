package harness

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// FileStore is where a server keeps its files.
type FileStore struct {
	URL    string // PARLEY_FILES_URL
	Folder string // where they end up, whoever keeps them
}

// FileStores runs a test on both kinds of database with files in a folder, and with files on an S3 server.
func FileStores(t *testing.T, test func(t *testing.T, databaseURL string, files FileStore)) {
	t.Helper()
	Databases(t, func(t *testing.T, db string) { test(t, db, Folder(t)) })
	t.Run("s3", func(t *testing.T) {
		s3 := StartS3(t)
		test(t, SQLite(t), FileStore{URL: s3.FilesURL(), Folder: s3.Folder})
	})
}

// Folder gives a folder of files that is still to be made.
func Folder(t testing.TB) FileStore {
	folder := filepath.Join(t.TempDir(), "files")
	return FileStore{URL: "file://" + folder, Folder: folder}
}

// Stored lists what is in the store.
func (s FileStore) Stored(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(s.Folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// S3 is an S3 server of the test's own, versitygw over a folder, with one bucket.
type S3 struct {
	Folder  string // the bucket's
	address string
	path    string
	args    []string
	process *Process
}

const s3Bucket, s3Key, s3Secret = "parley-test", "test-access-key", "test-secret/+=key-0123456789"

// StartS3 starts an S3 server.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	s := &S3{path: FindProgram(t, "versitygw"), address: FixedPort(t)}
	root := t.TempDir()
	s.Folder = filepath.Join(root, "buckets", s3Bucket)
	sidecar := filepath.Join(root, "sidecar") // not every file system has extended attributes
	for _, folder := range []string{s.Folder, sidecar} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.args = []string{"--port", s.address, "--access", s3Key, "--secret", s3Secret, "--quiet", "posix", "--sidecar", sidecar, filepath.Dir(s.Folder)}
	s.Start(t)
	return s
}

// FilesURL is all that a node is told of the server.
func (s *S3) FilesURL() string {
	u := url.URL{Scheme: "s3", User: url.UserPassword(s3Key, s3Secret), Host: s3Bucket,
		RawQuery: url.Values{"region": {"us-east-1"}, "endpoint": {"http://" + s.address}, "use_path_style": {"true"}}.Encode()}
	return u.String()
}

// Start starts the server again after a Kill, and waits until it takes connections.
func (s *S3) Start(t testing.TB) {
	t.Helper()
	s.process = StartProcess(t, exec.Command(s.path, s.args...))
	Eventually(t, "the S3 server answers", func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	})
}

// Kill ends the server as a power cut would.
func (s *S3) Kill(t testing.TB) {
	t.Helper()
	s.process.Kill(t)
}

// Form is a multipart form: fields by name, and its Content-Type.
type Form struct {
	Body        []byte
	ContentType string
}

// FileForm makes a form with a file and other fields, in name-value pairs, after it. An empty file name leaves the file out.
func FileForm(t testing.TB, name string, data []byte, fields ...string) Form {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if name != "" {
		part, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = part.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return Form{Body: body.Bytes(), ContentType: w.FormDataContentType()}
}

// Upload sends a file with other fields of the form.
func (c *Client) Upload(t testing.TB, name string, data []byte, fields ...string) *Answer {
	t.Helper()
	form := FileForm(t, name, data, fields...)
	return c.Do(t, "POST", "/v1/files", form.Body, "Content-Type", form.ContentType)
}

// Keep uploads a file and gives its record.
func (c *Client) Keep(t testing.TB, name string, data []byte, fields ...string) JSON {
	t.Helper()
	return c.Upload(t, name, data, fields...).Want(http.StatusCreated).Object()
}

// Send sends a message and gives it back as it was stored.
func (c *Client) Send(t testing.TB, conversation string, message any) JSON {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", message).Want(http.StatusCreated).Object()
}

// Fetch follows a file's url as a browser's <img> does: without credentials.
func (s *Server) Fetch(t testing.TB, fileURL any, headers ...string) *Answer {
	t.Helper()
	path, ok := strings.CutPrefix(fileURL.(string), s.URL)
	if !ok {
		t.Fatalf("the url %s does not lead to %s", fileURL, s.URL)
	}
	return s.Nobody(t).Do(t, "GET", path, nil, headers...)
}

// RandomBytes makes a file that nothing can be known of.
func RandomBytes(n int) []byte {
	data := make([]byte, n)
	rand.Read(data) // never fails
	return data
}
