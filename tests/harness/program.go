package harness

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Program is the server as users have it: an executable, configured by its environment.
type Program struct{ Path string }

// programs are the executables built so far, so that a test binary builds each once; Main removes them.
var programs struct {
	sync.Mutex
	folder string
	built  map[string]string
}

// Main runs a package's tests (m is a testing.M, or wraps one), and fails the run when anything of a server is still running after them.
func Main(m goleak.TestingM) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if programs.folder != "" {
			if err := os.RemoveAll(programs.folder); err != nil && code == 0 {
				code = 1
			}
		}
		os.Exit(code)
	}))
}

// BuildProgram builds the server with these build tags, and with the race detector when the tests have it, and of the same
// packages (the Makefile says which).
func BuildProgram(t testing.TB, tags ...string) Program {
	t.Helper()
	var flags []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" || setting.Key == "-gcflags" {
				flags = append(flags, setting.Key+"="+setting.Value)
			}
		}
	}
	return buildProgram(t, flags, tags)
}

// BuildFastProgram builds the server without the race detector: for tests that compare times, or that hold more
// goroutines than the 8,128 that it can follow.
func BuildFastProgram(t testing.TB, tags ...string) Program {
	t.Helper()
	return buildProgram(t, nil, tags)
}

func buildProgram(t testing.TB, flags, tags []string) Program {
	t.Helper()
	arguments := append([]string{"build", "-tags=" + strings.Join(tags, ",")}, flags...)
	key := strings.Join(arguments, " ")
	programs.Lock()
	defer programs.Unlock()
	if path := programs.built[key]; path != "" {
		return Program{path}
	}
	root, err := moduleRoot()
	if err == nil && programs.folder == "" {
		programs.built = map[string]string{}
		if programs.folder, err = os.MkdirTemp("", "parley"); err == nil {
			err = os.Chmod(programs.folder, 0o755) // for tests that start it as another user
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(programs.folder, "parley"+string(rune('a'+len(programs.built))))
	build := exec.Command("go", append(arguments, "-o", path, ".")...)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	programs.built[key] = path
	return Program{path}
}

// moduleRoot finds the folder with go.mod, above the package under test.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(folder, "go.mod")); statErr == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("no go.mod above the tests")
		}
		folder = filepath.Dir(folder)
	}
	return "", err
}

// PublicFolder makes a folder that every user of the machine may read, unlike t.TempDir.
func PublicFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "parley")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}
