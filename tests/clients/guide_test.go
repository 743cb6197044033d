package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const guide = "../../docs/clients.md"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What the guide shows is what is run here.
func TestGuideShowsThePrograms(t *testing.T) {
	text := read(t, guide)
	shown := []string{"ts/tsconfig.json", "ts/run.sh", "go/oapi-codegen.yaml", "python/run.sh"}
	for _, l := range languages {
		shown = append(shown, l.folder+"/generate.sh", l.folder+"/"+l.program)
	}
	for _, name := range shown {
		kind := map[string]string{".py": "python"}[filepath.Ext(name)]
		if kind == "" {
			kind = filepath.Ext(name)[1:]
		}
		if !strings.Contains(text, "```"+kind+"\n"+read(t, name)+"```\n") {
			t.Errorf("%s does not show tests/clients/%s as it is", guide, name)
		}
	}
	if !strings.Contains(text, "```\n"+wantSaid+"```\n") {
		t.Errorf("%s does not show what the programs say", guide)
	}
}

// The versions that the guide installs are those that are tried here.
func TestGuideNamesThePinnedVersions(t *testing.T) {
	var installed struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal([]byte(read(t, "../../.ci/npm/package.json")), &installed); err != nil {
		t.Fatal(err)
	}
	module := read(t, "go/go.mod")
	found := 0
	for _, match := range regexp.MustCompile(`(@?[\w./-]+)@(v?\d[\w.-]*)`).FindAllStringSubmatch(read(t, guide), -1) {
		name, version := match[1], match[2]
		found++
		if strings.HasPrefix(version, "v") {
			if !strings.Contains(module, "\t"+strings.TrimSuffix(name, "/cmd/oapi-codegen")+" "+version+" ") {
				t.Errorf("go.mod does not have %s", match[0])
			}
		} else if installed.Dependencies[name] != version {
			t.Errorf("package.json has %s@%s, and not %s", name, installed.Dependencies[name], version)
		}
	}
	if found < 8 {
		t.Errorf("only %d versions were found in %s", found, guide)
	}
}
