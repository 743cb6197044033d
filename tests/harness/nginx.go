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

// StartNginx runs nginx in a folder, with one of this repository's configurations, named from the root. changes are
// texts in it and what stands there instead, two by two: addresses and paths. Nothing outside of the folder is touched.
func StartNginx(t testing.TB, folder, configuration string, changes ...string) *Process {
	t.Helper()
	nginx := FindProgram(t, "nginx")
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
	cmd := exec.Command(nginx, "-e", "stderr", "-p", folder, "-c", changed, "-g", "daemon off;")
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
