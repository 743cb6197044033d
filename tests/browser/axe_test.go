package browser

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// axePackage is pinned: a new rule of axe-core is no reason for a red build.
const axePackage = "axe-core@4.14.1"

// TestConsoleIsAccessible lets axe-core look at every state of the page, in both colour schemes, wide and narrow: nothing
// serious or critical may be found.
func TestConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	axe := axeCore(t)
	for name, changes := range map[string][]func(*look){
		"light": nil, "dark": {dark}, "light narrow": {narrow}, "dark narrow": {dark, narrow}, "Chinese": {chinese},
	} {
		t.Run(name, func(t *testing.T) {
			s := consoleServer(t)
			keys := visit(t, s.URL+"/", changes...)
			keys.Until(`document.getElementById("setup").hidden === false`)
			keys.accessible(axe, "setup")
			walkAccessible(openConsole(t, s, changes...), axe)
		})
	}
}

func walkAccessible(c *console, axe string) {
	c.say(tom, "Jerry, get up!")
	c.waitLast(jerry+said, "Jerry, get up!")
	c.accessible(axe, "chat")
	c.sendMedia(jerry)
	c.accessible(axe, "media")
	c.Until(first(tom+"img") + `?.naturalWidth > 0`)
	c.click(tom + "[data-part=cut]")
	c.Until(`document.querySelector("#pane-0 .states [data-lit=now]")`)
	c.say(tom, "Are you there?")
	c.Until(first(tom + ".failed"))
	c.accessible(axe, "cut")
	c.click(tom + "[data-part=cut]")
	c.Until(`document.querySelector("#pane-0 .states [data-lit=now]").dataset.state === "reconnect"`)
	c.click(tom + "[data-part=more]")
	c.accessible(axe, "details")
	c.Run(`document.querySelector("#pane-0 [data-part=close]").click();
		for (const row of document.querySelectorAll(".row details")) row.open = true;`)
	if Eval[bool](c.Page, `document.getElementById("wire").classList.contains("closed")`) {
		c.click(".wire-toggle")
	}
	c.accessible(axe, "wire")
	if Eval[bool](c.Page, first(tom+"[data-part=back]")+`.checkVisibility()`) {
		c.click(tom + "[data-part=back]")
	}
	c.click(tom + ".list-head [data-part=create]")
	c.accessible(axe, "create")
	c.pick(tom+sheet+"[name=type]", "chatroom")
	c.fill(tom+sheet+"[name=name]", "The final")
	c.click(tom + sheet + "[data-part=create] .primary")
	c.waitText(tom+title, "The final")
	c.accessible(axe, "chat room")
	c.click(tom + "[data-part=logOut]")
	c.accessible(axe, "login")
}

// violation is what axe-core finds.
type violation struct {
	ID, Impact, Help string
	Nodes            []string
}

// accessible fails for what is serious or critical, and prints what is not.
func (c *console) accessible(axe, what string) {
	c.t.Helper()
	if !Eval[bool](c.Page, `"axe" in window`) {
		Eval[any](c.Page, axe+"; null")
	}
	found := Eval[[]violation](c.Page, `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, help, nodes }) =>
		({ id, impact, help, nodes: nodes.map((node) => node.target.join(" ") + ": " + node.failureSummary) })))`)
	for _, v := range found {
		text := fmt.Sprintf("%s: %s (%s): %s\n%s", what, v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n"))
		if v.Impact == "serious" || v.Impact == "critical" {
			c.t.Error(text)
		} else {
			c.t.Log(text)
		}
	}
}

// axeCore gives the script of axe-core, which npm fetches.
func axeCore(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		Missing(t, "npm, which fetches "+axePackage)
	}
	folder := t.TempDir()
	pack := exec.CommandContext(t.Context(), npm, "pack", "--silent", "--pack-destination", folder, axePackage)
	if output, err := pack.CombinedOutput(); err != nil {
		Missing(t, fmt.Sprintf("%s from npm: %v\n%s", axePackage, err, output))
	}
	packed, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("npm packed %v (%v)", packed, err)
	}
	script, err := fileIn(packed[0], "package/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// fileIn reads one file of a .tgz.
func fileIn(archive, name string) (string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(unpacked); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%s has no %s", archive, name)
		}
		if err != nil {
			return "", err
		}
		if header.Name == name {
			text, err := io.ReadAll(files)
			return string(text), err
		}
	}
}
