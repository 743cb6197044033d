package tests

import (
	"runtime"
	"strings"
	"testing"

	. "parley/tests/harness"
)

func TestVersionIsPrintedAndMeasured(t *testing.T) {
	t.Parallel()
	program := BuildProgram(t)
	printed := StartProcess(t, program.SubCommand(t.TempDir(), []string{"version"}))
	if code := printed.Wait(t); code != 0 {
		t.Fatalf("version ended with %d", code)
	}
	lines := strings.Split(strings.TrimSuffix(printed.Stdout.String(), "\n"), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "parley ") || len(lines[0]) == len("parley ") || !strings.HasPrefix(lines[1], "commit ") ||
		lines[2] != runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH {
		t.Fatalf("version printed %q", lines)
	}
	server := program.Start(t, FixedKeys()...)
	labels := `parley_build_info{commit="` + lines[1][len("commit "):] + `",goversion="` + runtime.Version() + `",version="` + lines[0][len("parley "):] + `"} 1`
	metrics := string(server.Server(t).Nobody(t).Do(t, "GET", "/metrics", nil).Want(200).Body)
	if !strings.Contains(metrics, "\n"+labels+"\n") {
		t.Errorf("%s is not in\n%s", labels, metrics)
	}
	server.Stop(t)
}

func TestVersionTakesNoArguments(t *testing.T) {
	t.Parallel()
	process := StartProcess(t, BuildProgram(t).SubCommand(t.TempDir(), []string{"version", "--short"}))
	if code := process.Wait(t); code != 2 || !strings.Contains(process.Stderr.String(), "Usage: parley version") {
		t.Errorf("ended with %d: %s", code, process.Stderr)
	}
}
