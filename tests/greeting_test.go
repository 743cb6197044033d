package tests

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "parley/tests/harness"
)

// keys are the secrets in the greeting of a first start.
type keys struct{ appID, appKey, masterKey, signingSecret string }

func keysIn(t *testing.T, greeting string) keys {
	t.Helper()
	find := func(label string) string {
		found := regexp.MustCompile(`(?m)^  ` + label + ` +(\S+)$`).FindStringSubmatch(greeting)
		if found == nil {
			t.Fatalf("the greeting has no %s: %s", label, greeting)
		}
		return found[1]
	}
	return keys{find("app id"), find("app key"), find("master key"), find("signing secret")}
}

// login logs a client in with the app key.
func (k keys) login(t *testing.T, s *Server, clientID string) *Client {
	t.Helper()
	answer := s.Nobody(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": clientID}, "Authorization", Basic(k.appID, k.appKey))
	session := answer.Want(http.StatusCreated).Object()
	return s.Bearer(t, clientID, session["token"].(string), session["session"].(JSON)["id"].(string))
}

// toPaste gives the indented lines after the one that begins with heading.
func toPaste(t *testing.T, greeting, heading string) []string {
	t.Helper()
	lines := strings.Split(greeting, "\n")
	at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, heading) })
	if at < 0 {
		t.Fatalf("the greeting has no line %q: %s", heading, greeting)
	}
	var script []string
	for _, line := range lines[at+1:] {
		if line != "" && !strings.HasPrefix(line, "  ") {
			break
		}
		if line != "" {
			script = append(script, strings.TrimPrefix(line, "  "))
		}
	}
	return script
}

// terminal runs lines in bash, in a process group of its own that is killed after the test: curl listens on.
func terminal(t *testing.T, lines ...string) *Process {
	t.Helper()
	cmd := exec.Command("bash", "-c", strings.Join(lines, "\n"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A shell that starts the tests in the background lets them ignore Ctrl-C, and so would what they start: a signal that is
	// ignored is passed on, one that is caught is not.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt)
	defer signal.Stop(caught)
	p := StartProcess(t, cmd)
	t.Cleanup(func() { cut(p) }) // before the cleanup of startProcess, which waits for the output to end
	return p
}

// cut is Ctrl-C; nothing when all has ended already.
func cut(p *Process) { _ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGINT) }

func TestFirstStartPrintsLinesThatWork(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	folder := t.TempDir()
	running := p.StartIn(t, folder)
	greeting := running.Greeting(t)
	listen := toPaste(t, greeting, "Terminal 1:")
	talk := toPaste(t, greeting, "Terminal 2:")
	resume := toPaste(t, greeting, "Cut Jerry's stream")

	jerry := terminal(t, listen...)
	jerry.Stdout.Wait(t, jerry, "event: online")
	tom := terminal(t, talk...)
	if sent := tom.Stdout.Wait(t, tom, ""); !strings.Contains(sent, `"text":"Jerry, get up!"`) || !strings.Contains(sent, `"from":"Tom"`) {
		t.Fatalf("Tom got %s", sent)
	}
	jerry.Stdout.Wait(t, jerry, "event: invited")
	jerry.Stdout.Wait(t, jerry, `"text":"Jerry, get up!"`)
	cut(jerry)
	jerry.Wait(t)
	seen := regexp.MustCompile(`(?m)^id: (\d+)\nevent: message$`).FindStringSubmatch(jerry.Stdout.String())
	if seen == nil || !strings.Contains(resume[len(resume)-1], fmt.Sprintf("Last-Event-ID: %s", seen[1])) {
		t.Fatalf("the line to resume with is %s, after the message %v", resume, seen)
	}

	again := terminal(t, append(talk, `echo; echo sent`)...)
	again.Stdout.Wait(t, again, "sent")
	back := terminal(t, listen[0], resume[0])
	back.Stdout.Wait(t, back, `"missed":1`)
	if got := back.Stdout.String(); strings.Count(got, "event: message") != 1 {
		t.Fatalf("the resumed stream brought %s", got)
	}
	cut(back)
	running.Stop(t)
	wantNoKeysAgain(t, p, folder, keysIn(t, greeting))
}

func TestStartWithoutTheConsoleShowsNoLinkToIt(t *testing.T) {
	t.Parallel()
	running := BuildProgram(t).Start(t, "PARLEY_CONSOLE=false")
	if greeting := running.Greeting(t); strings.Contains(greeting, "appKey=") || strings.Contains(greeting, "onsole") {
		t.Errorf("the greeting shows a page that is not there: %s", greeting)
	}
	s := running.Server(t)
	for path, want := range map[string]int{"/": http.StatusNotFound, "/console.js": http.StatusNotFound, "/parley.js": http.StatusOK} {
		if got := get(t, s.Nobody(t), path); got != want {
			t.Errorf("%s answered %d, not %d", path, got, want)
		}
	}
	running.Stop(t)
}

// wantNoKeysAgain starts the server once more: the keys are not shown, and still work.
func wantNoKeysAgain(t *testing.T, p Program, folder string, k keys) {
	t.Helper()
	running := p.StartIn(t, folder)
	greeting := running.Greeting(t)
	for _, secret := range []string{k.appKey, k.masterKey, k.signingSecret} {
		if strings.Contains(greeting, secret) {
			t.Errorf("the second start shows a key: %s", greeting)
		}
	}
	if !strings.Contains(greeting, k.appID) {
		t.Errorf("the second start does not name the app: %s", greeting)
	}
	jerry := k.login(t, running.Server(t), "Jerry")
	jerry.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK)
	if !strings.Contains(greeting, running.URL(t)+"/") {
		t.Errorf("the second start does not name the console: %s", greeting)
	}
	running.Stop(t)
	if text := running.Stderr.String(); strings.Contains(text, "level=ERROR") || strings.Contains(text, "level=WARN") {
		t.Errorf("the log has %s", text)
	}
}
