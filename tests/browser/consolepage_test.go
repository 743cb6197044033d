package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"parley/app"
	. "parley/tests/harness"
)

// Parts of the two panes. A selector in these tests is of one pane: tom+box.
const (
	tom   = "#pane-0 "
	jerry = "#pane-1 "

	box      = "[data-part=text]"
	title    = "[data-part=title]"
	subtitle = "[data-part=subtitle]"
	listed   = ".conversation .title"
	said     = ".message .text"
	note     = ".note"
	state    = ".state"
	alert    = "[data-part=alertText]"
	banner   = "[data-part=bannerText]"
	sheet    = "[data-part=side] "
)

// look is what a visitor's browser is like.
type look struct {
	width, height int64
	dark          bool
	language      string
}

func narrow(l *look)  { l.width, l.height = 380, 760 }
func dark(l *look)    { l.dark = true }
func chinese(l *look) { l.language = "zh-CN" }

// console is the page at /.
type console struct{ *Page }

// consoleServer starts a server whose console is visited.
func consoleServer(t *testing.T, change ...func(*app.Config)) *Server {
	t.Helper()
	theBrowser.start(t) // skips before a server is started
	return Start(t, SQLite(t), change...)
}

// consoleLink is the link that the server prints at its first start.
func consoleLink(s *Server) string { return s.URL + "/#appId=" + AppID + "&appKey=" + AppKey }

// visit opens a page in a window of its own.
func visit(t *testing.T, url string, changes ...func(*look)) *console {
	t.Helper()
	l := look{width: 1360, height: 860, language: "en-GB"}
	for _, change := range changes {
		change(&l)
	}
	c := &console{newPage(t, "about:blank")}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"}} // or a picture catches things on their way
	agent := Eval[string](c.Page, "navigator.userAgent")
	c.do(chromedp.EmulateViewport(l.width, l.height),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}),
		call(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: l.language}),
		chromedp.Navigate(url))
	return c
}

func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, command, params)
		return err
	})
}

// openConsole opens the console by its link and waits until Tom and Jerry have met.
func openConsole(t *testing.T, s *Server, changes ...func(*look)) *console {
	t.Helper()
	c := visit(t, consoleLink(s), changes...)
	c.waitText(tom+title, "Tom & Jerry")
	c.waitText(jerry+title, "Tom & Jerry")
	c.Until(`document.activeElement === ` + first(tom+box))
	return c
}

func first(selector string) string { return "document.querySelector(" + quote(selector) + ")" }

// all is an expression for the texts of what a selector finds.
func all(selector string) string {
	return "[...document.querySelectorAll(" + quote(selector) + ")].map((node) => node.textContent)"
}

// is fails at once unless an expression has a value.
func is[T comparable](c *console, expression string, want T) {
	c.t.Helper()
	if got := Eval[T](c.Page, expression); got != want {
		c.t.Errorf("%s is %v, not %v", expression, got, want)
	}
}

// wait waits until an expression has a value.
func wait[T comparable](c *console, expression string, want T) {
	c.t.Helper()
	var got T
	c.within20s(fmt.Sprintf("%s is %v", expression, want), func() bool {
		got = Eval[T](c.Page, expression)
		return got == want
	})
}

// waitText waits until the first of what a selector finds has a text.
func (c *console) waitText(selector, text string) {
	c.t.Helper()
	wait(c, all(selector)+`[0] ?? "(nothing)"`, text)
}

// waitLast waits until the last has it.
func (c *console) waitLast(selector, text string) {
	c.t.Helper()
	wait(c, all(selector)+`.at(-1) ?? "(nothing)"`, text)
}

// click clicks in the middle of the first visible element, wherever it is by then.
func (c *console) click(selector string) {
	c.t.Helper()
	c.do(chromedp.WaitEnabled(selector, chromedp.NodeVisible))
	c.do(chromedp.Click(selector, chromedp.NodeVisible))
}

// fill puts a text into a field as typing it would.
func (c *console) fill(selector, text string) {
	c.t.Helper()
	c.do(chromedp.WaitVisible(selector))
	c.Run(`const field = ` + first(selector) + `; field.focus(); field.value = ` + quote(text) + `; field.dispatchEvent(new InputEvent("input", { bubbles: true }));`)
}

// pick picks an option of a list.
func (c *console) pick(selector, value string) {
	c.t.Helper()
	c.Run(`const list = ` + first(selector) + `; list.value = ` + quote(value) + `; list.dispatchEvent(new InputEvent("change", { bubbles: true }));`)
}

// say writes a message and sends it with Enter.
func (c *console) say(pane, text string) {
	c.t.Helper()
	c.fill(pane+box, text)
	c.press(kb.Enter)
}

// press presses keys where the focus is.
func (c *console) press(keys string, modifiers ...chromedp.Modifier) {
	c.t.Helper()
	c.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// create starts a conversation by the sheet.
func (c *console) create(pane, members, name string) {
	c.t.Helper()
	c.click(pane + ".list-head [data-part=create]")
	c.fill(pane+sheet+"[name=members]", members)
	c.fill(pane+sheet+"[name=name]", name)
	c.click(pane + sheet + "[data-part=create] .primary")
	c.waitText(pane+title, name)
}

// logIn logs a client in on a pane where nobody is.
func (c *console) logIn(pane, clientID, tag string) {
	c.t.Helper()
	c.fill(pane+".login [name=clientId]", clientID)
	c.fill(pane+".login [name=tag]", tag)
	c.click(pane + ".login .primary")
	wait(c, first(pane[:len(pane)-1])+".dataset.phase", "in")
}

// reload loads the page anew, in the same tab.
func (c *console) reload() {
	c.t.Helper()
	c.do(chromedp.Reload())
}

// shot keeps a picture of what the visitor sees.
func (c *console) shot(name string) {
	c.t.Helper()
	c.Run(`await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));`)
	c.Screenshot("console-" + strings.ReplaceAll(name, " ", "-"))
}
