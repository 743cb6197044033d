package browser

import (
	"os"
	"regexp"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// start starts a server that pages of a test's own origin may call.
func start(t *testing.T, change ...func(*app.Config)) (*Server, *pages) {
	t.Helper()
	own := servePages(t)
	return Start(t, SQLite(t), append(change, func(c *app.Config) { c.AllowedOrigins = []string{own.URL} })...), own
}

// TestTwoClientsConverse: two windows, each with a client.
func TestTwoClientsConverse(t *testing.T) {
	theBrowser.start(t)
	s, own := start(t)
	tom, jerry := own.open(t, s.URL, "Tom"), own.open(t, s.URL, "Jerry")
	jerry.Run(`window.got = []; client.on(Event.MESSAGE, (message, conversation) => got.push([message.text, message.from, conversation.name]));`)
	tom.Run(`
		window.conversation = await client.createConversation({ members: ["Jerry"], name: "Tom & Jerry" });
		await conversation.send(new TextMessage("Jerry, get up!"));`)
	jerry.Until(`got.length === 1 && got[0].join() === "Jerry, get up!,Tom,Tom & Jerry"`)
}

// TestTypesSayWhatTheModuleHas compares parley.d.ts with the module as it is loaded.
func TestTypesSayWhatTheModuleHas(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	types, err := os.ReadFile("../../app/console/parley.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	s, own := start(t)
	page := newPage(t, own.URL)
	exports := Eval[map[string][]string](page, `import(`+quote(s.URL+"/parley.js")+`).then((module) => Object.fromEntries(Object.entries(module).map(([name, value]) => {
		const members = typeof value === "function" ? [...Object.getOwnPropertyNames(value.prototype), ...Object.getOwnPropertyNames(value)] : name === "Event" ? Object.keys(value) : [];
		return [name, members.filter((member) => !/^(_.*|constructor|prototype|length|name)$/.test(member) || (name === "File" && member === "name"))];
	})))`)
	declared := regexp.MustCompile(`(?m)^export (?:declare )?(?:const|class|function) (\w+)`).FindAllStringSubmatch(string(types), -1)
	if len(declared) != len(exports) || len(exports) < 10 {
		t.Errorf("%d are declared, the module exports %d: %v", len(declared), len(exports), exports)
	}
	for name, members := range exports {
		block := regexp.MustCompile(`(?ms)^export (?:const|class|function) ` + name + `\b.*?(?:;$|\}$)\n(?:^\}|\z|^/|^export|^$)`).FindString(string(types))
		if block == "" {
			t.Errorf("%s is not declared", name)
		}
		for _, member := range members {
			if !regexp.MustCompile(`\b` + member + `\b`).MatchString(block) {
				t.Errorf("%s.%s is not declared", name, member)
			}
		}
	}
}
