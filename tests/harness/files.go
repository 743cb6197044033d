package harness

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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
	"time"

	"parley/models"
	"parley/models/blobs"
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

// EveryFileStore does so with files in memory too: for tests that look at them by the API alone.
func EveryFileStore(t *testing.T, test func(t *testing.T, databaseURL string, files FileStore)) {
	t.Helper()
	FileStores(t, test)
	t.Run("memory", func(t *testing.T) { test(t, SQLite(t), FileStore{URL: "mem://"}) })
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

// FormHead begins a form, of which nothing has been sent so far, whose file follows; its boundary is x.
const FormHead = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"

// FormTail ends it.
const FormTail = "\r\n--x--\r\n"

// Dial makes a bare connection to the server, which is closed after the test.
func (s *Server) Dial(t testing.TB) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // fails when the test has closed it
	return conn.(*net.TCPConn)
}

// BeginUpload sends the header of a request for 8 MB and the beginning of its file, and leaves the rest to the caller.
func (c *Client) BeginUpload(t testing.TB, sent []byte) *net.TCPConn {
	t.Helper()
	conn := c.Server.Dial(t)
	_, err := fmt.Fprintf(conn, "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n%s%s",
		c.Token, 8<<20, FormHead, sent)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// UploadFrom uploads a body as it comes, in chunks: a form with the boundary x.
func (c *Client) UploadFrom(t testing.TB, body io.Reader) (*Answer, error) {
	request, err := http.NewRequest("POST", c.Server.URL+"/v1/files", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: data, t: t}, err
}

// WantStored waits until the database has this many files, and the store the bytes of as many and nothing else.
func (s FileStore) WantStored(t testing.TB, databaseURL string, want int) {
	t.Helper()
	tables := OpenSQL(t, databaseURL)
	Eventually(t, fmt.Sprintf("%d files are left", want), func() bool {
		var rows int
		if err := tables.QueryRow("SELECT COUNT(*) FROM files").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows == want && len(s.Stored(t)) == want
	})
}

// SweepAt sweeps as a node would whose clock stands there.
func (s FileStore) SweepAt(t testing.TB, databaseURL string, at time.Time) {
	t.Helper()
	store, err := blobs.Open(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	node, err := models.Open(t.Context(), databaseURL, models.Options{Clock: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	node.KeepFiles(store)
	if err := errors.Join(node.Sweep(t.Context()), node.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// RandomBytes makes a file that nothing can be known of.
func RandomBytes(n int) []byte {
	data := make([]byte, n)
	rand.Read(data) // never fails
	return data
}
