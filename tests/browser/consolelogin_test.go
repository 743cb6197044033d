package browser

import (
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// TestLinkOfTheFirstStartOpensTheConsole: nothing is configured, and nothing has to be typed but a message.
func TestLinkOfTheFirstStartOpensTheConsole(t *testing.T) {
	theBrowser.start(t)
	running := BuildProgram(t).Start(t)
	link := regexp.MustCompile(`(?m)^  (http://\S+/#appId=\S+&appKey=\S+)$`).FindStringSubmatch(running.Greeting(t))
	if link == nil {
		t.Fatalf("the greeting has no link to the console: %s", running.Greeting(t))
	}
	c := visit(t, link[1])
	c.waitText(jerry+title, "Tom & Jerry")
	c.Until(`document.activeElement === ` + first(tom+box))
	c.press("Hello" + kb.Enter)
	c.waitLast(jerry+said, "Hello")
	c.Close()
	running.Stop(t)
}

func TestClientsLogInAndOut(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	c.click(jerry + "[data-part=logOut]")
	c.waitText(jerry+state, "Logged out")
	c.shot("login")
	c.logIn(jerry, "Mary", "Mobile")
	c.waitText(jerry+".who h2", "Mary")
	c.waitText(jerry+"[data-part=listEmpty]", "No conversations yet.")
	c.click(jerry + "[data-part=listStart]")
	c.waitText(jerry+title, "Mary & Tom")
	c.waitText(tom+listed, "Mary & Tom")

	// The same client with the same tag elsewhere: this session is over.
	c.Allow("status of 401")
	s.Login(t, "Mary", "Mobile")
	c.waitText(jerry+alert, "Logged in elsewhere with the same tag")
	c.shot("conflict")

	token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "William", "exp": time.Now().Add(time.Hour).Unix()})
	c.Run(`document.querySelector("#pane-1 .login details").open = true`)
	c.fill(jerry+".login [name=token]", token)
	c.click(jerry + ".login .primary")
	c.waitText(jerry+".who h2", "William")
	c.waitText(jerry+state, "Connected")
}

func TestSignedLoginIsRequiredAndSaidSo(t *testing.T) {
	s := consoleServer(t, func(c *app.Config) { c.RequireSignedLogin = true })
	c := visit(t, consoleLink(s))
	c.Allow("status of 403")
	c.Until(`document.querySelector("#pane-0 [data-part=alertText]").textContent !== ""`)
	is(c, `document.querySelector("#pane-0").dataset.phase`, "out")
	c.Until(`document.activeElement === document.querySelector("#pane-0 [name=token]")`)
	c.shot("signed")
}

func TestKeysAreAskedForAndForgotten(t *testing.T) {
	s := consoleServer(t)
	c := visit(t, s.URL+"/")
	c.Until(`document.getElementById("setup").hidden === false`)
	c.shot("setup")
	c.Allow("status of 401")
	c.press(AppID) // the cursor is there
	c.fill("#setup [name=appKey]", "wrong")
	c.press(kb.Enter)
	c.Until(`document.querySelector("#pane-0 [data-part=alertText]").textContent !== ""`)
	c.shot("wrong-key")
	c.click("#forget")
	c.Until(`document.getElementById("setup")?.hidden === false && sessionStorage.length === 0`)
	c.fill("#setup [name=appId]", AppID)
	c.fill("#setup [name=appKey]", AppKey)
	c.click("#setup .primary")
	c.waitText(jerry+title, "Tom & Jerry")
}
