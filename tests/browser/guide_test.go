package browser

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// pixel is a picture, a GIF of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// TestGuideSamples runs the guide's JavaScript samples, with its placeholders as the app's id and key.
func TestGuideSamples(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.AppID, c.AppKey = "your-app-id", "your-app-key" })
	proxy, url := NewProxy(t, s.URL)
	samples, err := os.ReadFile("pages/guide.js")
	if err != nil {
		t.Fatal(err)
	}
	own.serve("/guide.js", "text/javascript", strings.Replace(string(samples), `"/parley.js"`, quote(url+"/parley.js"), 1))
	own.serve("/avatar.gif", "image/gif", pixel)
	own.serve("/guide.html", "text/html", `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>the guide</title>
		<input type="file" id="photoFileUpload"><script type="module" src="/guide.js"></script>`)
	page := newPage(t, own.URL+"/guide.html")
	page.Until("window.ready")
	page.Allow(cutOff)
	proxy.CutConnections()
	page.Until(`lines.at(-1) === "与服务端连接恢复"`)
	page.Run("window.restored = true;")
	page.Until("window.done")

	if got := Eval[[]string](page, "listed"); !slices.Equal(got, []string{"Tom & Jerry", "Tom & Jerry & friends"}) {
		t.Errorf("the list has %q", got)
	}
	if got := Eval[[]string](page, "found"); !slices.Equal(got, []string{"NBA finals"}) {
		t.Errorf("with NBA in the name: %q", got)
	}
	if got := Eval[[]any](page, "images"); fmt.Sprint(got) != "[[true 发自我的 Ins 旧金山 Tom] [true 萌妹子一枚 <nil> Tom]]" {
		t.Errorf("the pictures are %v", got)
	}
	var last []string
	for i := range 20 {
		last = append(last, fmt.Sprint("第 ", i+5))
	}
	if got := Eval[[]string](page, "newest"); !slices.Equal(got, last[10:]) {
		t.Errorf("the newest ten are %q", got)
	}
	if got, want := Eval[any](page, "results"), fmt.Sprintf("[[%v false] [%v false]]", last[10:], last[:10]); fmt.Sprint(got) != want {
		t.Errorf("the iterator gave %v, not %v", got, want)
	}
	lines := Eval[[]string](page, "lines")
	at := slices.Index(lines, "服务器连接已断开")
	if at < 0 || !strings.HasSuffix(lines[at+1], "ms 后进行第1次重连") || lines[at+2] != "正在进行第1次重连" {
		t.Errorf("the network's states are logged as %q", lines)
	}
}

// TestBlocksOfTheGuideToTheBrowserRun: docs/browser.md says that they are one program.
func TestBlocksOfTheGuideToTheBrowserRun(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t, func(c *app.Config) { c.AppID, c.AppKey = "your-app-id", "your-app-key-0123456789" })
	text, err := os.ReadFile("../../docs/browser.md")
	if err != nil {
		t.Fatal(err)
	}
	module, _, _ := strings.Cut(string(text), "\n## The console")
	var program []string
	for _, block := range regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(module, -1) {
		program = append(program, block[1])
	}
	if len(program) < 8 {
		t.Fatalf("only %d blocks were found", len(program))
	}
	script := strings.NewReplacer("https://chat.example", s.URL, `"your-app-key"`, `"your-app-key-0123456789"`).Replace(strings.Join(program, "\n"))
	own.serve("/program.js", "text/javascript", script+"\nObject.assign(window, { conversation, newest, mine, source, sendPicture }).ran = true;")
	own.mux.HandleFunc("GET /my-own-token", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, SignedToken(t, jwt.MapClaims{"aud": "your-app-id", "sub": r.FormValue("client"), "exp": time.Now().Add(time.Hour).Unix()}))
	})
	own.serve("/program.html", "text/html", `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>`)
	page := newPage(t, own.URL+"/program.html")
	page.Allow("NotSameOrigin .*/mouse.png") // there is none, and what is there instead is for no other origin
	page.Until("window.ran")
	page.Until("source.readyState === EventSource.OPEN")
	page.Run(`
		if (newest.map(({ text }) => text).join() !== "Jerry, get up!" || mine[0] !== conversation || conversation.name !== "Mice") throw new Error(JSON.stringify([newest, conversation.name]));
		if (conversation.members.join() !== "Tom,Jerry,Mary" || conversation.attributes.topic !== "cheese") throw new Error(conversation.members.join());
		const [vote] = await conversation.queryMessages({ type: "vote" });
		if (vote.payload.choice !== "cheddar" || conversation.lastMessage.getFile().metadata.width !== 640) throw new Error(JSON.stringify([vote, conversation.lastMessage]));
		source.close();`)
}
