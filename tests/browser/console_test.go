package browser

import (
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// Selectors of what the two panes show.
const (
	tom   = "#pane-0 "
	jerry = "#pane-1 "

	box     = "[data-part=text]"
	title   = "[data-part=title]"
	list    = ".conversation .title"
	said    = ".message .text"
	opening = "[data-part=create]" // the button that opens the sheet of a new conversation
)

// hostile would run if it were ever taken for HTML.
const hostile = `<img src=x onerror="window.ranHostile=true">`

// consoleLink is the link that the server prints at its first start.
func consoleLink(s *Server) string { return s.URL + "/#appId=" + AppID + "&appKey=" + AppKey }

// openConsole opens the console and waits until Tom and Jerry have met.
func openConsole(t *testing.T, s *Server, look ...func(*look)) *console {
	t.Helper()
	c := newConsole(t, consoleLink(s), look...)
	c.waitText(tom+title, "Tom & Jerry")
	c.waitText(jerry+title, "Tom & Jerry")
	c.wait(`document.activeElement === document.querySelector("#pane-0 [data-part=text]")`)
	return c
}

func TestTwoPeopleChatOnTheFirstPage(t *testing.T) {
	c := openConsole(t, start(t))
	c.want(`location.hash`, "")
	c.want(`document.querySelector("#pane-0 .state").textContent`, "Connected")
	c.shot("first")

	c.typeText("Jerry, get up!") // the cursor is there already
	c.press("Enter")
	c.waitLast(jerry+said, "Jerry, get up!")
	c.waitLast(tom+said, "Jerry, get up!")
	c.say(jerry, "Five more minutes. It is Saturday, and the sun is not up yet: can it wait?")
	c.waitLast(tom+said, "Five more minutes. It is Saturday, and the sun is not up yet: can it wait?")
	c.say(tom, "It cannot.\nThere is cheese.")
	c.waitLast(jerry+said, "It cannot.\nThere is cheese.")
	c.want(`document.querySelector("#pane-1 .last").textContent`, "Tom: It cannot.\nThere is cheese.")
	c.shot("chat")

	c.reload() // the keys are kept for the tab
	c.waitLast(jerry+said, "It cannot.\nThere is cheese.")
	c.want(`document.querySelectorAll("#pane-1 .message").length`, 3.0)
}

// TestMessageShowsSoonAfterTheClick prints how soon; nothing is asserted.
func TestMessageShowsSoonAfterTheClick(t *testing.T) {
	c := openConsole(t, start(t))
	const rounds = 30
	var taken []float64
	for i := range rounds {
		text := fmt.Sprintf("message %d", i)
		c.do(`{
			const log = document.querySelector("#pane-1 [data-part=messages]");
			window.shown = null;
			new MutationObserver((_, observer) => {
				if (!log.textContent.includes("` + text + `")) return;
				window.shown = performance.now();
				observer.disconnect();
			}).observe(log, { childList: true });
			document.querySelector("#pane-0 [data-part=send]").addEventListener("click", () => { window.clicked = performance.now(); }, { capture: true, once: true });
		}`)
		c.fill(tom+box, text)
		c.click(tom + "[data-part=send]")
		c.wait(`window.shown !== null`)
		taken = append(taken, c.eval(`window.shown - window.clicked`).(float64))
	}
	lowest, median, highest := spread(taken)
	t.Logf("from Tom's click to Jerry's screen, %d messages: %.1f ms at least, %.1f ms median, %.1f ms at most", rounds, lowest, median, highest)
}

func TestPageIsLightAndLoadsEachFileOnce(t *testing.T) {
	c := openConsole(t, start(t))
	c.want(`(() => {
		const names = performance.getEntriesByType("resource").map((r) => r.name).filter((name) => !name.includes("/v1/"));
		return names.filter((name, i) => names.indexOf(name) !== i).join();
	})()`, "")
	sizes := c.eval(`(() => {
		const files = performance.getEntriesByType("resource").filter((r) => !r.name.includes("/v1/")).concat(performance.getEntriesByType("navigation"));
		return [files.length, files.reduce((sum, r) => sum + r.transferSize, 0), files.reduce((sum, r) => sum + r.decodedBodySize, 0)];
	})()`).([]any)
	t.Logf("%v files, %v bytes over the wire, %v unpacked", sizes[0], sizes[1], sizes[2])
	if sizes[1].(float64) >= 100_000 {
		t.Errorf("the page takes %v bytes", sizes[1])
	}
}

func TestEveryTextStaysText(t *testing.T) {
	s := start(t)
	c := openConsole(t, s)
	c.create(tom, "Jerry, "+hostile, hostile)
	c.waitText(tom+title, hostile)
	c.waitText(jerry+list, hostile)
	c.click(jerry + ".conversation")
	c.waitText(jerry+title, hostile)
	c.say(tom, hostile)
	c.waitLast(jerry+said, hostile)
	c.click(tom + "[data-part=more]")
	c.waitText(tom+".members li:nth-child(3) .id", hostile)
	c.fill(tom+"[data-part=attributes] textarea", `{"`+strings.ReplaceAll(hostile, `"`, `\"`)+`": "`+strings.ReplaceAll(hostile, `"`, `\"`)+`"}`)
	c.click(tom + "[data-part=attributes] button")
	c.waitText(tom+"[data-part=attributes] button", "Saved")
	c.click(jerry + "[data-part=more]")
	c.wait(`document.querySelector("#pane-1 [data-part=attributes] textarea").value.includes("onerror")`)
	c.waitText(jerry+".note", "Tom changed the name or attributes")
	for range 3 { // the log, all of its rows unfolded, says all of it again
		c.do(`for (const row of document.querySelectorAll(".row details")) row.open = true`)
	}
	c.shot("hostile")

	// The same as a client: it logs in, its name is all over its pane.
	c.click(jerry + "[data-part=logOut]")
	c.logIn(jerry, hostile, "")
	c.waitText(jerry+".who h2", hostile)
	c.waitText(jerry+list, hostile)
	c.want(`document.images.length`, 0.0)
	c.want(`window.ranHostile === undefined`, true)
}

func TestConversationsAreMadeJoinedAndLeft(t *testing.T) {
	c := openConsole(t, start(t))
	c.create(tom, "Jerry, Mary", "Picnic")
	c.waitText(tom+title, "Picnic")
	c.waitText(tom+"[data-part=subtitle]", "3 members: Tom, Jerry, Mary")
	c.waitText(jerry+list, "Picnic") // invited
	c.say(tom, "Who brings the cheese?")
	c.waitText(jerry+".unread", "1 unread")
	c.shot("unread")
	c.click(jerry + ".conversation")
	c.waitLast(jerry+said, "Who brings the cheese?")
	c.want(`document.querySelector("#pane-1 .unread") === null`, true)

	c.click(tom + "[data-part=more]")
	c.fill(tom+"[data-part=add] input", "William")
	c.press("Enter")
	c.waitLast(jerry+".note", "Tom added William")
	c.click(tom + `[aria-label="Remove Jerry"]`)
	c.waitText(jerry+"[data-part=bannerText]", "Tom removed you from this conversation.")
	c.waitLast(tom+".note", "Tom removed Jerry")
	c.want(`[...document.querySelectorAll("#pane-1 .conversation .title")].map((n) => n.textContent).join()`, "Tom & Jerry")
	c.shot("kicked")

	c.click(jerry + "[data-part=join]")
	c.waitLast(tom+".note", "Jerry joined")
	c.say(jerry, "I do.")
	c.waitLast(tom+said, "I do.")
	c.fill(tom+"[data-part=rename] input", "Picnic on Sunday")
	c.press("Enter")
	c.waitText(jerry+title, "Picnic on Sunday")
	c.shot("details")
	c.press("Escape")
	c.want(`document.querySelector("#pane-0 [data-part=side]").hidden`, true)
	c.want(`document.activeElement.dataset.part`, "more")

	id := c.eval(`document.querySelector("#pane-0 .conversation").closest("li").dataset.id`).(string)
	c.click(jerry + "[data-part=more]")
	c.click(jerry + "[data-part=quit]")
	c.waitLast(tom+".note", "Jerry left")
	c.waitText(jerry+"[data-part=bannerText]", "You have left this conversation.")
	c.click(jerry + opening)
	c.fill(jerry+"[data-part=joinById] input", id)
	c.press("Enter")
	c.waitText(jerry+"[data-part=bannerText]", "You are not a member. Join to read and write.")
	c.click(jerry + "[data-part=join]")
	c.waitLast(jerry+said, "I do.")
}

func TestListIsFilteredAndTheServerSearched(t *testing.T) {
	s := start(t)
	s.Login(t, "Mary", "").Do(t, "POST", "/v1/conversations", JSON{"members": []string{"William"}, "name": "NBA finals"}).Want(201)
	c := openConsole(t, s)
	c.create(tom, "Jerry", "NBA draft")
	c.waitText(tom+title, "NBA draft")
	c.fill(tom+"[data-part=search]", "nba")
	c.waitVisible(tom+list, "NBA draft")
	c.fill(tom+"[data-part=search]", "nothing like it")
	c.waitText(tom+"[data-part=listEmpty]", "Nothing is called “nothing like it”.")
	c.fill(tom+"[data-part=search]", "")
	c.waitVisible(tom+list, "NBA draft,Tom & Jerry")
}

func TestHistoryLoadsOnScrollingUp(t *testing.T) {
	s := start(t)
	c := openConsole(t, s)
	id := c.eval(`document.querySelector("#pane-0 .conversation").closest("li").dataset.id`).(string)
	writer := s.Login(t, "Tom", "")
	for i := range 75 {
		writer.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": "text", "text": fmt.Sprint("m", i)}).Want(201)
	}
	c.waitLast(jerry+said, "m74")
	c.reload()
	c.waitLast(jerry+said, "m74")
	c.want(`document.querySelectorAll("#pane-1 .message").length`, 30.0)
	for n := range 2 {
		c.do(`document.querySelector("#pane-1 [data-part=scroll]").scrollTop = 0`)
		c.wait(fmt.Sprintf(`document.querySelectorAll("#pane-1 .message").length === %d`, min(75, 60+30*n)))
	}
	c.want(`[...document.querySelectorAll("#pane-1 .message .text")].every((p, i) => p.textContent === "m" + i)`, true)
	c.want(`document.querySelector("#pane-1 [data-part=older]").hidden`, true)

	// Reading the old, one is told of the new and not carried away.
	c.do(`document.querySelector("#pane-1 [data-part=scroll]").scrollTop = 0`)
	c.say(tom, "news")
	c.wait(`document.querySelector("#pane-1 [data-part=jump]").hidden === false`)
	c.want(`document.querySelector("#pane-1 [data-part=scroll]").scrollTop < 100`, true)
	c.shot("news")
	c.click(jerry + "[data-part=jump]")
	c.wait(`document.querySelector("#pane-1 [data-part=jump]").hidden`)
}

func TestCutLinkShowsTheNetworkStatesAndLosesNothing(t *testing.T) {
	c := openConsole(t, start(t))
	lit := `[...document.querySelectorAll("#pane-1 .states [data-lit]")].map((n) => n.dataset.state).join()`
	c.click(jerry + "[data-part=cut]")
	c.wait(lit + `.startsWith("disconnect,schedule")`)
	c.say(tom, "Are you there?")
	c.say(jerry, "I am cut off")
	c.waitText(jerry+".failed .foot", "")
	c.wait(lit + ` === "disconnect,schedule,retry"`)
	c.shot("cut")
	c.click(jerry + "[data-part=cut]")
	c.wait(lit + ` === "disconnect,schedule,retry,reconnect"`)
	c.wait(`document.querySelector("#pane-1 .states [data-lit=now]").dataset.state === "reconnect"`)
	c.want(`[...document.querySelectorAll("#pane-1 .theirs .text")].map((n) => n.textContent).join()`, "Are you there?")
	c.click(jerry + ".failed .link")
	c.waitLast(tom+said, "I am cut off")
	c.wait(`document.querySelector("#pane-1 .failed") === null`)

	c.click(tom + "[data-part=offline]")
	c.wait(`document.querySelector("#pane-0 .states [data-state=offline]").dataset.lit !== undefined`)
	c.wait(`document.querySelector("#pane-0 .states [data-state=disconnect]").dataset.lit !== undefined`)
	c.shot("offline")
	c.click(tom + "[data-part=offline]")
	c.wait(`document.querySelector("#pane-0 .states [data-state=online]").dataset.lit !== undefined`)
	c.wait(`document.querySelector("#pane-0 .states [data-lit=now]").dataset.state === "reconnect"`)
	c.want(`document.querySelectorAll("#pane-1 .states [data-state=offline][data-lit]").length`, 0.0) // the other side notices nothing
}

func TestWireShowsCallsAsCurlWithoutSecrets(t *testing.T) {
	s := start(t)
	c := openConsole(t, s)
	c.say(tom, "it's a test")
	c.waitLast(jerry+said, "it's a test")
	c.click(".wire [data-filter=call]")
	c.do(`for (const row of document.querySelectorAll(".row.call details")) row.open = true`)
	c.wait(`document.querySelector(".row-body pre") !== null`)
	c.shot("wire")
	all := c.eval(`document.getElementById("wire").textContent`).(string)
	for what, secret := range map[string]string{"the app key": AppKey, "basic credentials": base64.StdEncoding.EncodeToString([]byte(AppID + ":" + AppKey)), "a token": "eyJ"} {
		if strings.Contains(all, secret) {
			t.Errorf("the log shows %s", what)
		}
	}
	curl := c.eval(`[...document.querySelectorAll(".row.call pre")].map((n) => n.textContent).findLast((text) => text.startsWith("curl -X POST") && text.includes("/messages"))`).(string)
	if !strings.Contains(curl, `"Authorization: Bearer $TOM"`) {
		t.Errorf("no placeholder for the token: %s", curl)
	}
	output, err := exec.CommandContext(t.Context(), "bash", "-c", "TOM="+s.Login(t, "Tom", "").Token+"\n"+strings.Replace(curl, "curl ", "curl -sS ", 1)).CombinedOutput()
	if err != nil || !strings.Contains(string(output), `"text":"it's a test"`) {
		t.Errorf("%s printed %s (%v)", curl, output, err)
	}
	c.wait(`document.querySelectorAll("#pane-1 .message").length === 2`) // a new message, not the repeat of the first

	c.do(`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } } })`)
	c.click(`.row.call:nth-last-child(1 of .row.call) [aria-label="Copy as curl"]`)
	c.wait(`window.copied?.startsWith("curl ") && !window.copied.includes("eyJ")`)
	c.click(`.row.call:nth-last-child(1 of .row.call) [aria-label="Copy as curl, with the token in it"]`)
	c.wait(`window.copied.includes("eyJ")`)

	c.click(".wire [data-filter=event]")
	c.wait(`[...document.querySelectorAll(".row:not([hidden]) b")].some((n) => n.textContent === "message")`)
	c.click(".wire [data-part=clear]")
	c.want(`document.querySelectorAll(".row").length`, 0.0)
}

func TestClientsLogInAndOut(t *testing.T) {
	s := start(t)
	c := openConsole(t, s)
	c.click(jerry + "[data-part=logOut]")
	c.waitText(jerry+".state", "Logged out")
	c.shot("login")
	c.logIn(jerry, "Mary", "Mobile")
	c.waitText(jerry+".who h2", "Mary")
	c.waitText(jerry+"[data-part=listEmpty]", "No conversations yet.")
	c.click(jerry + "[data-part=listStart]")
	c.waitText(jerry+title, "Mary & Tom")
	c.waitText(tom+list, "Mary & Tom")

	// The same client with the same tag elsewhere: this session is over.
	c.expectError("401")
	s.Login(t, "Mary", "Mobile")
	c.waitText(jerry+"[data-part=alertText]", "Logged in elsewhere with the same tag")
	c.shot("conflict")

	token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "William", "exp": time.Now().Add(time.Hour).Unix()})
	c.do(`document.querySelector("#pane-1 .login details").open = true`)
	c.fill(jerry+".login [name=token]", token)
	c.click(jerry + ".login .primary")
	c.waitText(jerry+".who h2", "William")
	c.waitText(jerry+".state", "Connected")
}

func TestSignedLoginIsRequiredAndSaidSo(t *testing.T) {
	s := start(t, func(c *app.Config) { c.RequireSignedLogin = true })
	c := newConsole(t, consoleLink(s))
	c.expectError("403")
	c.wait(`document.querySelector("#pane-0 [data-part=alertText]").textContent !== ""`)
	c.want(`document.querySelector("#pane-0").dataset.phase`, "out")
	c.shot("signed")
}

func TestKeysAreAskedForAndForgotten(t *testing.T) {
	s := start(t)
	c := newConsole(t, s.URL+"/")
	c.wait(`document.getElementById("setup").hidden === false`)
	c.shot("setup")
	c.expectError("401")
	c.typeText(AppID) // the cursor is there
	c.fill("#setup [name=appKey]", "wrong")
	c.press("Enter")
	c.wait(`document.querySelector("#pane-0 [data-part=alertText]").textContent !== ""`)
	c.shot("wrong-key")
	c.click("#forget")
	c.wait(`document.getElementById("setup").hidden === false && sessionStorage.length === 0`)
	c.fill("#setup [name=appId]", AppID)
	c.fill("#setup [name=appKey]", AppKey)
	c.click("#setup .primary")
	c.waitText(jerry+title, "Tom & Jerry")
}

func TestConsoleSpeaksChinese(t *testing.T) {
	c := openConsole(t, start(t), func(l *look) { l.language = "zh-CN" })
	c.want(`document.documentElement.lang`, "zh-CN")
	c.waitText(tom+".state", "已连接")
	c.say(tom, "耗子,起床!")
	c.waitLast(jerry+said, "耗子,起床!")
	c.click(tom + "[data-part=more]")
	c.shot("chinese")
	c.fill(jerry+box, "typed already")
	c.click("#language")
	c.waitText(tom+".state", "Connected")
	c.waitText(tom+".side h3", "Members and attributes")
	c.want(`document.querySelector("#pane-1 [data-part=text]").value`, "typed already")
	c.want(`document.documentElement.lang`, "en")
	c.reload() // the choice is remembered
	c.waitText(tom+".state", "Connected")
	c.want(`import("/console-words.js").then(({ words }) => Object.keys(words.en).sort().join() === Object.keys(words.zh).sort().join())`, true)
}

func TestNarrowPageHasTabs(t *testing.T) {
	c := openConsole(t, start(t), func(l *look) { l.width, l.height = 380, 760 })
	c.say(tom, "Hello from a small page")
	c.waitText("#tab-1 .badge", "1")
	c.want(`document.documentElement.scrollWidth <= innerWidth`, true)
	c.shot("narrow")
	c.press("Tab") // wherever the focus is, the tabs are there for the keyboard
	c.do(`document.getElementById("tab-0").focus()`)
	c.press("ArrowRight")
	c.wait(`document.getElementById("tab-1").ariaSelected === "true" && document.getElementById("tab-1") === document.activeElement`)
	c.want(`document.querySelector("#pane-0").checkVisibility()`, false)
	c.want(`document.querySelector("#tab-1 .badge").hidden`, true)
	c.waitLast(jerry+said, "Hello from a small page")
	c.click(jerry + "[data-part=back]")
	c.shot("narrow-list")
	c.click(jerry + ".conversation")
	c.click(jerry + "[data-part=more]")
	c.want(`document.documentElement.scrollWidth <= innerWidth`, true)
	c.shot("narrow-details")
}

func TestConsoleByKeyboardAlone(t *testing.T) {
	c := openConsole(t, start(t), func(l *look) { l.dark = true })
	c.typeText("one")
	c.press("Enter")
	c.waitLast(jerry+said, "one")
	c.pressWithAlt("2")
	c.want(`document.activeElement === document.querySelector("#pane-1 [data-part=text]")`, true)
	c.typeText("two")
	c.press("Enter")
	c.waitLast(tom+said, "two")
	c.pressWithAlt("1")
	c.pressWithAlt("3")
	c.want(`document.getElementById("wire").classList.contains("closed")`, true)
	c.pressWithAlt("3")
	c.shot("dark")
	c.do(`document.querySelector("#pane-0 [data-part=create]").focus()`)
	c.press("Enter")
	c.wait(`document.activeElement.name === "members"`)
	c.press("Escape")
	c.want(`document.activeElement === document.querySelector("#pane-0 [data-part=create]")`, true)
}

// spread gives the lowest, the middle and the highest.
func spread(values []float64) (lowest, median, highest float64) {
	sorted := append([]float64(nil), values...)
	sortFloats(sorted)
	return sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
}

var _ = context.Background
