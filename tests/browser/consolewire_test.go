package browser

import (
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"

	. "parley/tests/harness"
)

func TestCutLinkShowsTheNetworkStatesAndLosesNothing(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	lit := `[...document.querySelectorAll("#pane-1 .states [data-lit]")].map((n) => n.dataset.state).join()`
	c.click(jerry + "[data-part=cut]")
	c.Until(lit + `.startsWith("disconnect,schedule")`)
	c.say(tom, "Are you there?")
	c.say(jerry, "I am cut off")
	c.Until(first(jerry + ".failed"))
	c.Until(lit + ` === "disconnect,schedule,retry"`)
	c.fill(jerry+box, "half a sen")
	c.shot("cut")
	c.click(jerry + "[data-part=cut]")
	c.Until(lit + ` === "disconnect,schedule,retry,reconnect"`)
	c.Until(`document.querySelector("#pane-1 .states [data-lit=now]").dataset.state === "reconnect"`)
	is(c, `[...document.querySelectorAll("#pane-1 .theirs .text")].map((n) => n.textContent).join()`, "Are you there?")
	// What was not sent, and what was not finished, is still there after a look at another conversation.
	c.create(jerry, "", "Notes")
	is(c, first(jerry+box)+`.value`, "")
	c.Until(`document.querySelector("#pane-1 .failed") === null`)
	c.click(jerry + ".conversation:not([aria-current])")
	c.waitText(jerry+title, "Tom & Jerry")
	is(c, first(jerry+box)+`.value`, "half a sen")
	c.click(jerry + ".failed .link")
	c.waitLast(tom+said, "I am cut off")
	c.Until(`document.querySelector("#pane-1 .failed") === null`)

	c.click(tom + "[data-part=offline]")
	c.Until(`document.querySelector("#pane-0 .states [data-state=offline]").dataset.lit !== undefined`)
	c.Until(`document.querySelector("#pane-0 .states [data-state=disconnect]").dataset.lit !== undefined`)
	c.shot("offline")
	c.click(tom + "[data-part=offline]")
	c.Until(`document.querySelector("#pane-0 .states [data-state=online]").dataset.lit !== undefined`)
	c.Until(`document.querySelector("#pane-0 .states [data-lit=now]").dataset.state === "reconnect"`)
	is(c, `document.querySelectorAll("#pane-1 .states [data-state=offline][data-lit]").length`, 0) // the other side notices nothing
}

func TestWireShowsCallsAsCurlWithoutSecrets(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	c.say(tom, "it's a test")
	c.waitLast(jerry+said, "it's a test")
	c.click(".wire [data-filter=call]")
	c.Run(`for (const row of document.querySelectorAll(".row.call details")) row.open = true`)
	c.Until(`document.querySelector(".row-body pre") !== null`)
	c.shot("wire")
	all := Eval[string](c.Page, `document.getElementById("wire").textContent`)
	for what, secret := range map[string]string{"the app key": AppKey, "basic credentials": base64.StdEncoding.EncodeToString([]byte(AppID + ":" + AppKey)), "a token": "eyJ"} {
		if strings.Contains(all, secret) {
			t.Errorf("the log shows %s", what)
		}
	}
	curl := Eval[string](c.Page, `[...document.querySelectorAll(".row.call pre")].map((n) => n.textContent).findLast((text) => text.startsWith("curl -X POST") && text.includes("/messages"))`)
	if !strings.Contains(curl, `"Authorization: Bearer $TOM"`) {
		t.Errorf("no placeholder for the token: %s", curl)
	}
	output, err := exec.CommandContext(t.Context(), "bash", "-c", "TOM="+s.Login(t, "Tom", "").Token+"\n"+strings.Replace(curl, "curl ", "curl -sS ", 1)).CombinedOutput()
	if err != nil || !strings.Contains(string(output), `"text":"it's a test"`) {
		t.Errorf("%s printed %s (%v)", curl, output, err)
	}
	c.Until(`document.querySelectorAll("#pane-1 .message").length === 2`) // a new message, not the repeat of the first

	c.Run(`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } } })`)
	c.click(`.row.call:nth-last-child(1 of .row.call) [aria-label="Copy as curl"]`)
	c.Until(`window.copied?.startsWith("curl ") && !window.copied.includes("eyJ")`)
	c.click(`.row.call:nth-last-child(1 of .row.call) [aria-label="Copy as curl, with the token in it"]`)
	c.Until(`window.copied.includes("eyJ")`)

	c.click(".wire [data-filter=event]")
	c.Until(`[...document.querySelectorAll(".row:not([hidden]) b")].some((n) => n.textContent === "message")`)
	c.click(".wire [data-part=clear]")
	is(c, `document.querySelectorAll(".row").length`, 0)
}
