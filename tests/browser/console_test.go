package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	. "parley/tests/harness"
)

// hostile would run if it were ever taken for HTML.
const hostile = `<img src=x onerror="window.ranHostile=true">`

func TestTwoPeopleChatOnTheFirstPage(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	is(c, `location.hash`, "")
	is(c, `document.querySelector("#pane-0 .state").textContent`, "Connected")
	c.shot("first")

	c.press("Jerry, get up!") // the cursor is there already
	c.press(kb.Enter)
	c.waitLast(jerry+said, "Jerry, get up!")
	is(c, first(tom+box)+`.value`, "")
	c.waitLast(tom+said, "Jerry, get up!")
	c.say(jerry, "Five more minutes. It is Saturday, and the sun is not up yet: can it wait?")
	c.waitLast(tom+said, "Five more minutes. It is Saturday, and the sun is not up yet: can it wait?")
	c.say(tom, "It cannot.\nThere is cheese.")
	c.waitLast(jerry+said, "It cannot.\nThere is cheese.")
	is(c, `document.querySelector("#pane-1 .last").textContent`, "Tom: It cannot.\nThere is cheese.")
	c.shot("chat")

	c.reload() // the keys are kept for the tab
	c.waitLast(jerry+said, "It cannot.\nThere is cheese.")
	is(c, `document.querySelectorAll("#pane-1 .message").length`, 3)
}

func TestEveryTextStaysText(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	c.create(tom, "Jerry, "+hostile, hostile)
	c.waitText(tom+title, hostile)
	c.waitText(jerry+listed, hostile)
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
	c.Until(`document.querySelector("#pane-1 [data-part=attributes] textarea").value.includes("onerror")`)
	c.waitText(jerry+note, "Tom changed the name or attributes")
	for range 3 { // the log, all of its rows unfolded, says all of it again
		c.Run(`for (const row of document.querySelectorAll(".row details")) row.open = true`)
	}
	c.shot("hostile")

	// The same as a client: it logs in, its name is all over its pane.
	c.click(jerry + "[data-part=logOut]")
	c.logIn(jerry, hostile, "")
	c.waitText(jerry+".who h2", hostile)
	c.waitText(jerry+listed, hostile)
	is(c, `document.images.length`, 0)
	is(c, `window.ranHostile === undefined`, true)
}

func TestConversationsAreMadeJoinedAndLeft(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	c.create(tom, "Jerry, Mary", "Picnic")
	c.waitText(tom+title, "Picnic")
	c.waitText(tom+subtitle, "3 members: Tom, Jerry, Mary")
	c.waitText(jerry+listed, "Picnic") // invited
	c.say(tom, "Who brings the cheese?")
	c.waitText(jerry+".unread", "1 unread")
	c.shot("unread")
	c.click(jerry + ".conversation")
	c.waitLast(jerry+said, "Who brings the cheese?")
	is(c, `document.querySelector("#pane-1 .unread") === null`, true)

	c.click(tom + "[data-part=more]")
	c.fill(tom+"[data-part=add] input", "William")
	c.press(kb.Enter)
	c.waitLast(jerry+note, "Tom added William")
	c.click(tom + `[aria-label="Remove Jerry"]`)
	c.waitText(jerry+banner, "Tom removed you from this conversation.")
	c.waitLast(tom+note, "Tom removed Jerry")
	is(c, `[...document.querySelectorAll("#pane-1 .conversation .title")].map((n) => n.textContent).join()`, "Tom & Jerry")
	c.shot("kicked")

	c.click(jerry + "[data-part=join]")
	c.waitLast(tom+note, "Jerry joined")
	c.say(jerry, "I do.")
	c.waitLast(tom+said, "I do.")
	c.fill(tom+"[data-part=rename] input", "Picnic on Sunday")
	c.press(kb.Enter)
	c.waitText(jerry+title, "Picnic on Sunday")
	c.shot("details")
	c.press(kb.Escape)
	is(c, `document.querySelector("#pane-0 [data-part=side]").hidden`, true)
	is(c, `document.activeElement.dataset.part`, "more")

	id := Eval[string](c.Page, `document.querySelector("#pane-0 .conversation").closest("li").dataset.id`)
	c.click(jerry + "[data-part=more]")
	c.click(jerry + "[data-part=quit]")
	c.waitLast(tom+note, "Jerry left")
	c.waitText(jerry+banner, "You have left this conversation.")
	c.click(jerry + ".list-head [data-part=create]")
	c.fill(jerry+"[data-part=joinById] input", id)
	c.press(kb.Enter)
	c.waitText(jerry+banner, "You are not a member. Join to read and write.")
	c.click(jerry + "[data-part=join]")
	c.waitLast(jerry+said, "I do.")
}

func TestListIsFilteredAndTheServerSearched(t *testing.T) {
	s := consoleServer(t)
	s.Login(t, "Mary", "").Do(t, "POST", "/v1/conversations", JSON{"members": []string{"William"}, "name": "NBA finals"}).Want(201)
	c := openConsole(t, s)
	visible := `[...document.querySelectorAll("#pane-0 .conversations .title")].filter((node) => node.checkVisibility()).map((node) => node.textContent).join()`
	c.create(tom, "Jerry", "NBA draft")
	c.fill(tom+"[data-part=search]", "nba")
	wait(c, visible, "NBA draft")
	c.fill(tom+"[data-part=search]", "nothing like it")
	c.waitText(tom+"[data-part=listEmpty]", "Nothing is called “nothing like it”.")
	c.fill(tom+"[data-part=search]", "NBA")
	wait(c, visible, "NBA draft,NBA finals")
	c.shot("search")
	c.click(tom + "[data-part=foundList] .conversation")
	c.waitText(tom+banner, "You are not a member. Join to read and write.")
	c.click(tom + "[data-part=join]")
	wait(c, visible, "NBA draft,NBA finals") // one's own now
	c.fill(tom+"[data-part=search]", "")
	wait(c, visible, "NBA draft,Tom & Jerry,NBA finals") // the oldest last
}

func TestHistoryLoadsOnScrollingUp(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	id := Eval[string](c.Page, `document.querySelector("#pane-0 .conversation").closest("li").dataset.id`)
	writer := s.Login(t, "Tom", "")
	for i := range 75 {
		writer.Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": "text", "text": fmt.Sprint("m", i)}).Want(201)
	}
	c.waitLast(jerry+said, "m74")
	c.reload()
	c.waitLast(jerry+said, "m74")
	is(c, `document.querySelectorAll("#pane-1 .message").length`, 30)
	for n := range 2 {
		c.Run(`document.querySelector("#pane-1 [data-part=scroll]").scrollTop = 0`)
		c.Until(fmt.Sprintf(`document.querySelectorAll("#pane-1 .message").length === %d`, min(75, 60+30*n)))
	}
	is(c, `[...document.querySelectorAll("#pane-1 .message .text")].every((p, i) => p.textContent === "m" + i)`, true)
	is(c, `document.querySelector("#pane-1 [data-part=older]").hidden`, true)

	// Reading the old, one is told of the new and not carried away.
	c.Run(`document.querySelector("#pane-1 [data-part=scroll]").scrollTop = 0`)
	c.say(tom, "news")
	c.Until(`document.querySelector("#pane-1 [data-part=jump]").hidden === false`)
	is(c, `document.querySelector("#pane-1 [data-part=scroll]").scrollTop < 100`, true)
	c.shot("news")
	c.click(jerry + "[data-part=jump]")
	c.Until(`document.querySelector("#pane-1 [data-part=jump]").hidden`)
}

func TestConsoleSpeaksChinese(t *testing.T) {
	c := openConsole(t, consoleServer(t), chinese)
	is(c, `document.documentElement.lang`, "zh-CN")
	c.waitText(tom+state, "已连接")
	c.say(tom, "耗子,起床!")
	c.waitLast(jerry+said, "耗子,起床!")
	c.click(tom + "[data-part=more]")
	c.shot("chinese")
	c.fill(jerry+box, "typed already")
	c.click("#language")
	c.waitText(tom+state, "Connected")
	c.waitText(tom+".side h3", "Members and attributes")
	is(c, `document.querySelector("#pane-1 [data-part=text]").value`, "typed already")
	is(c, `document.documentElement.lang`, "en")
	c.reload() // the choice is remembered
	c.waitText(tom+state, "Connected")
	is(c, `import("/console-words.js").then(({ words }) => Object.keys(words.en).sort().join() === Object.keys(words.zh).sort().join())`, true)
}

func TestNarrowPageHasTabs(t *testing.T) {
	c := openConsole(t, consoleServer(t), narrow)
	c.say(tom, "Hello from a small page")
	c.waitText("#tab-1 .badge", "1")
	is(c, `document.documentElement.scrollWidth <= innerWidth`, true)
	c.shot("narrow")
	c.press(kb.Tab) // wherever the focus is, the tabs are there for the keyboard
	c.Run(`document.getElementById("tab-0").focus()`)
	c.press(kb.ArrowRight)
	c.Until(`document.getElementById("tab-1").ariaSelected === "true" && document.getElementById("tab-1") === document.activeElement`)
	is(c, `document.querySelector("#pane-0").checkVisibility()`, false)
	is(c, `document.querySelector("#tab-1 .badge").hidden`, true)
	c.waitLast(jerry+said, "Hello from a small page")
	c.click(jerry + "[data-part=back]")
	c.shot("narrow-list")
	c.click(jerry + ".conversation")
	c.click(jerry + "[data-part=more]")
	is(c, `document.documentElement.scrollWidth <= innerWidth`, true)
	c.shot("narrow-details")
}

func TestConsoleByKeyboardAlone(t *testing.T) {
	c := openConsole(t, consoleServer(t), dark)
	c.press("one")
	c.press(kb.Enter)
	c.waitLast(jerry+said, "one")
	c.press("2", chromedp.ModifierAlt)
	is(c, `document.activeElement === document.querySelector("#pane-1 [data-part=text]")`, true)
	c.press("two")
	c.press(kb.Enter)
	c.waitLast(tom+said, "two")
	c.press("1", chromedp.ModifierAlt)
	c.press("3", chromedp.ModifierAlt)
	is(c, `document.getElementById("wire").classList.contains("closed")`, true)
	c.press("3", chromedp.ModifierAlt)
	c.shot("dark")
	c.Run(`document.querySelector("#pane-0 [data-part=create]").focus()`)
	c.press(kb.Enter)
	c.Until(`document.activeElement.name === "members"`)
	c.press(kb.Escape)
	is(c, `document.activeElement === document.querySelector("#pane-0 [data-part=create]")`, true)
}
