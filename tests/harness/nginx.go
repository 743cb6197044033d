package harness

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginxPath is where packages put the program, which is not on every user's PATH.
const nginxPath = "/usr/sbin/nginx"

// NeedNginx tells whether a test with nginx can run. CI has the program; elsewhere the test is skipped, and says so.
func NeedNginx(t testing.TB) {
	t.Helper()
	if findNginx() != "" {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no nginx on PATH or at " + nginxPath + ", and CI must run this test")
	}
	t.Skip("needs the program nginx on PATH or at " + nginxPath)
}

func findNginx() string {
	for _, name := range []string{"nginx", nginxPath} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// StartNginx runs nginx in a folder, with one of this repository's configurations, named from the root. changes are
// texts in it and what stands there instead, two by two: addresses and paths. Nothing outside of the folder is touched.
func StartNginx(t testing.TB, folder, configuration string, changes ...string) *Process {
	t.Helper()
	NeedNginx(t)
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, configuration))
	if err != nil {
		t.Fatal(err)
	}
	paths := "http {\n" // a package's folders, which are not in the configuration
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += name + "_temp_path " + filepath.Join(folder, name) + ";\n"
	}
	changes = append(changes, "http {\n", paths)
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(string(text), changes[i]) != 1 {
			t.Fatalf("%s does not have %q once", configuration, changes[i])
		}
	}
	changed := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(changed, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(findNginx(), "-e", "stderr", "-p", folder, "-c", changed, "-g", "daemon off;")
	running := StartProcess(t, cmd)
	t.Cleanup(func() { running.Stop(t) }) // in order: killed, it would leave its workers behind
	return running
}

// Certificate writes a certificate for 127.0.0.1 and its key into a folder, and gives what its clients have to trust.
func Certificate(t testing.TB, folder string) (certificate, key string, trust *tls.Config) {
	t.Helper()
	made := httptest.NewTLSServer(nil)
	defer made.Close()
	private, err := x509.MarshalPKCS8PrivateKey(made.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: made.Certificate().Raw},
		key:         {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key, made.Client().Transport.(*http.Transport).TLSClientConfig
}
