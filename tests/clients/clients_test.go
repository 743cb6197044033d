package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// language is one in which there is a client: a folder here, with generate.sh, run.sh and a program.
type language struct {
	folder  string
	program string
	needs   []string
}

var languages = []language{
	{"ts", "main.ts", []string{"node", "npx"}},
	{"go", "main.go", []string{"go"}},
	{"java", "Main.java", []string{"node", "npx", "java", "javac"}},
	{"python", "main.py", []string{"node", "npx", "java", "python3"}},
}

// packages are those that make installs from npm: the generators, and what the TypeScript client needs.
const packages = "../../.ci/npm/node_modules"

func TestGeneratedClients(t *testing.T) {
	if os.Getenv("PARLEY_TEST_CLIENTS") == "" {
		t.Skip("PARLEY_TEST_CLIENTS is not set: make test-clients")
	}
	for _, l := range languages {
		t.Run(l.folder, func(t *testing.T) {
			t.Parallel()
			for _, program := range l.needs {
				FindProgram(t, program)
			}
			server := Start(t, SQLite(t))
			folder := l.copy(t)
			variables := append(os.Environ(), "PARLEY_URL="+server.URL, "PARLEY_APP_ID="+AppID, "PARLEY_APP_KEY="+AppKey,
				"npm_config_offline=true") // npx runs what is installed, and fetches nothing
			if l.folder == "python" {
				variables = append(variables, "PATH="+pathOfPython(t))
			}
			shell(t, folder, variables, "generate.sh")
			said := shell(t, folder, variables, "run.sh")
			if said != wantSaid {
				t.Errorf("the program said:\n%s\nand not:\n%s", said, wantSaid)
			}
			wantStored(t, server)
		})
	}
}

// copy copies the language's folder, so that what is generated is not in the tree, and links the npm packages into it.
func (l language) copy(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(l.folder)); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(l.needs, "npx") {
		return folder
	}
	installed, err := filepath.Abs(packages)
	if err == nil {
		_, err = os.Stat(installed)
	}
	if err != nil {
		Missing(t, "the npm packages: make test-clients installs them")
	}
	if err := os.Symlink(installed, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// shell runs a script and gives what it wrote to standard output.
func shell(t *testing.T, folder string, variables []string, script string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", script)
	cmd.Dir, cmd.Env, cmd.Stderr = folder, variables, &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, stdout, stderr.String())
	}
	return string(stdout)
}

// pathOfPython gives a PATH on which python3 has what the generated client imports: Debian's own has, once the packages
// are installed, and another one that comes before it may not.
func pathOfPython(t *testing.T) string {
	t.Helper()
	for _, path := range []string{os.Getenv("PATH"), "/usr/bin:" + os.Getenv("PATH")} {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "python3 -c 'import certifi, dateutil, six, urllib3'")
		if cmd.Env = append(os.Environ(), "PATH="+path); cmd.Run() == nil {
			return path
		}
	}
	Missing(t, "Python's certifi, dateutil, six and urllib3 (Debian: python3-certifi …)")
	return ""
}

// wantSaid is what each of the programs says.
const wantSaid = `Tom & Jerry normal 2 cheese
Tom loud
text Jerry, get up!
text 再见
location 37.774929
chess e2e4
404 conversation_not_found
`

// wantStored looks at what a program did as somebody else.
func wantStored(t *testing.T, server *Server) {
	t.Helper()
	jerry := server.Login(t, "Jerry", "")
	conversations := jerry.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any)
	if len(conversations) != 1 {
		t.Fatalf("Jerry is in %v", conversations)
	}
	conversation := conversations[0].(JSON)
	if !reflect.DeepEqual(conversation["members"], []any{"Tom", "Jerry"}) || !reflect.DeepEqual(conversation["attributes"], JSON{"topic": "cheese"}) {
		t.Errorf("the conversation is %v", conversation)
	}
	want := []JSON{
		{"type": "text", "text": "Jerry, get up!", "attributes": JSON{"mood": "loud"}},
		{"type": "text", "text": "再见", "attributes": JSON{}},
		{"type": "location", "location": JSON{"latitude": 37.774929, "longitude": -122.419416}, "attributes": JSON{}},
		{"type": "chess", "payload": JSON{"move": "e2e4"}, "attributes": JSON{}},
	}
	history := jerry.History(t, conversation["id"].(string))
	for _, message := range history {
		for _, field := range []string{"id", "conversationId", "from", "timestamp"} {
			delete(message, field)
		}
	}
	if !reflect.DeepEqual(history, want) {
		t.Errorf("the history is %v", history)
	}
}
