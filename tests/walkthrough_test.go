package tests

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestWalkthrough does what docs/walkthrough.md says, line by line in one shell, on a MariaDB, a NATS server, an nginx and an S3
// server of its own: each block must succeed, and print what stands below it. Paths and ports are others, and what the machine
// would do (packages, systemd, owners) is stood in for.
func TestWalkthrough(t *testing.T) {
	t.Parallel()
	steps := walkthroughSteps(t)
	m := newMachine(t)
	defer m.stopAll()
	script := "set -eo pipefail\n"
	for i, step := range steps {
		script += fmt.Sprintf("echo '@@@ %d'\n%s", i, m.other.Replace(step.commands))
	}
	said := m.run(t, script+"echo '@@@ end'\n")
	_, rest, _ := strings.Cut(said, "@@@ 0\n")
	for i, step := range steps {
		printed, after, found := strings.Cut(rest, fmt.Sprintf("@@@ %d\n", i+1))
		if i == len(steps)-1 {
			printed, after, found = strings.Cut(rest, "@@@ end\n")
		}
		if !found {
			t.Fatalf("the walk ended in\n%s\nwhich said\n%s", step.commands, rest)
		}
		if missing := missingLine(printed, m.other.Replace(step.prints)); missing != "" {
			t.Errorf("%q is not in what\n%s\nprints:\n%s", missing, step.commands, printed)
		}
		rest = after
	}
}

// step is a block of commands, and what must be printed by it.
type step struct{ commands, prints string }

func walkthroughSteps(t *testing.T) (steps []step) {
	t.Helper()
	page := readFile(t, "../docs/walkthrough.md")
	for _, block := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		switch {
		case block[1] == "sh":
			steps = append(steps, step{commands: block[2]})
		case block[1] == "" && len(steps) > 0 && steps[len(steps)-1].prints == "":
			steps[len(steps)-1].prints = block[2]
		default:
			t.Fatalf("neither commands nor what they print: %s", block[0])
		}
	}
	if len(steps) < 20 {
		t.Fatalf("only %d blocks of commands", len(steps))
	}
	return steps
}

// missingLine is the first of the lines that were not printed, in this order; "…" in it stands for anything.
func missingLine(printed, want string) string {
	lines := strings.Split(printed, "\n")
	for line := range strings.Lines(want) {
		line = strings.TrimSuffix(line, "\n")
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
		at := 0
		for at < len(lines) && !pattern.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			return line
		}
		lines = lines[at+1:]
	}
	return ""
}

// run runs a script in a folder that is to it what a checkout is to a reader, and gives what it printed.
func (m *machine) run(t *testing.T, script string) string {
	t.Helper()
	path, output := filepath.Join(m.root, "script"), filepath.Join(m.root, "output")
	m.write(t, "script", script, 0o600)
	printed, err := os.Create(output) // and no pipe, which what runs in the background would keep open
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, FindProgram(t, "bash"), path)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(m.root, "checkout"), printed, printed
	cmd.Env = []string{"HOME=" + m.root, "TMPDIR=" + filepath.Join(m.root, "tmp"),
		"PATH=" + strings.Join([]string{filepath.Join(m.root, "bin"), filepath.Join(m.root, "usr/local/bin"), os.Getenv("PATH"), "/usr/sbin"}, ":")}
	if err := cmd.Run(); err != nil {
		t.Errorf("the walk: %v", err) // what it said is told below
	}
	return readFile(t, output)
}

// otherPlaces are what is different from the page, and from the files that it copies: folders, ports, the name.
func otherPlaces(t *testing.T, root, database string) *strings.Replacer {
	t.Helper()
	var changes []string
	for _, folder := range []string{"/etc/", "/var/", "/usr/local/bin/", "/run/nginx.pid"} {
		changes = append(changes, folder, root+folder)
	}
	changes = append(changes, "GOBIN=/usr/local/bin", "GOBIN="+root+"/usr/local/bin")
	port := func(address string) string {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	for _, usual := range []string{"8081", "8082", "9091", "9092", "9090", "7070", "4222", "3306"} {
		other := database
		if usual != "3306" {
			other = FixedPort(t)
		}
		for _, form := range []string{"127.0.0.1:%s", "127.0.0.1/%s", "port: %s", "port = %s"} {
			changes = append(changes, fmt.Sprintf(form, usual), fmt.Sprintf(form, port(other)))
		}
	}
	front := FixedPort(t)
	return strings.NewReplacer(append(changes,
		"listen 443 ssl", "listen "+front+" ssl", "URL=https://$NAME", "URL=https://$NAME:"+port(front),
		"https://chat.example.org/v1", "https://localhost:"+port(front)+"/v1", "NAME=chat.example.org", "NAME=localhost",
		"127.0.0.1:808…", "127.0.0.1:…", "scrape_interval: 15s", "scrape_interval: 1s")...)
}
