package browser

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"parley/app"
	. "parley/tests/harness"
)

// pictureOf is a PNG of a size.
func pictureOf(t testing.TB, width, height int) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x ^ y), 255})
		}
	}
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

// toneOf is a WAV of some eighths of a second: 8000 samples of 8 bits a second, a square wave of 400 Hz.
func toneOf(eighths int) []byte {
	le := binary.LittleEndian
	samples := bytes.Repeat(append(bytes.Repeat([]byte{64}, 10), bytes.Repeat([]byte{192}, 10)...), 50*eighths)
	format := le.AppendUint16(le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(nil, 1), 1), 8000), 8000), 1)
	format = le.AppendUint16(format, 8)
	body := le.AppendUint32([]byte("WAVEfmt "), uint32(len(format)))
	body = le.AppendUint32(append(append(body, format...), "data"...), uint32(len(samples)))
	body = append(body, samples...)
	return append(le.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// filmOf lets Chromium record a film: half a second and more of a canvas that changes, 64 × 48 pixels.
func filmOf(p *Page) []byte {
	p.t.Helper()
	data, err := base64.StdEncoding.DecodeString(Eval[string](p, `(async () => {
		const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
		const paint = canvas.getContext("2d");
		const parts = [];
		const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: "video/mp4;codecs=vp9" });
		recorder.ondataavailable = ({ data }) => parts.push(data);
		recorder.start();
		for (let i = 0; i < 15; i++) {
			paint.fillStyle = "rgb(" + 16 * i + " 99 0)";
			paint.fillRect(0, 0, 64, 48);
			await new Promise((wake) => setTimeout(wake, 40));
		}
		await new Promise((stopped) => { recorder.onstop = stopped; recorder.stop(); });
		const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
		return btoa(String.fromCharCode(...bytes));
	})()`))
	if err != nil || len(data) < 500 {
		p.t.Fatalf("the film has %d bytes (%v)", len(data), err)
	}
	return data
}

// onDisk writes a file of a name, and gives its path.
func onDisk(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// choose clicks the button, and chooses files in the dialog that it opens.
func (c *console) choose(pane string, paths ...string) {
	c.t.Helper()
	c.do(call(page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true}))
	c.click(pane + "[data-part=attach]")
	var input cdp.BackendNodeID
	c.within20s("a dialog to choose files", func() bool {
		input = c.takeChooser()
		return input != 0
	})
	c.do(call(dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, BackendNodeID: input}))
}

// carry fires an event with a DataTransfer that holds a file: a drop on the chat, or a paste into the box.
func (c *console) carry(selector, event, name, mediaType string, data []byte) {
	c.t.Helper()
	c.Run(`
		const bytes = Uint8Array.from(atob(` + quote(base64.StdEncoding.EncodeToString(data)) + `), (c) => c.charCodeAt(0));
		const transfer = new DataTransfer();
		transfer.items.add(new File([bytes], ` + quote(name) + `, { type: ` + quote(mediaType) + ` }));
		const init = { bubbles: true, cancelable: true };
		const target = ` + first(selector) + `;
		if (` + quote(event) + ` === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...init, clipboardData: transfer }));
		else for (const name of ["dragenter", "dragover", "drop"]) {
			const taken = !target.dispatchEvent(new DragEvent(name, { ...init, dataTransfer: transfer }));
			if (name !== "dragenter" && !taken) throw new Error(name + " is not taken");
		}`)
}

// shown waits until a pane has so many messages that are not on their way.
func (c *console) shown(pane string, messages int) {
	c.t.Helper()
	wait(c, `document.querySelectorAll(`+quote(pane+".message:not(.sending)")+`).length`, messages)
}

// sendMedia sends one of each kind, a film apart, and leaves more in the tray and the form for a place open.
func (c *console) sendMedia(pane string) {
	c.t.Helper()
	c.carry(pane+box, "paste", "a.png", "image/png", pictureOf(c.t, 64, 48))
	c.carry(pane+box, "paste", "a.wav", "audio/wav", toneOf(1))
	c.carry(pane+box, "paste", "a.txt", "text/plain", []byte("a"))
	c.Run(first(pane+"[data-part=send]") + `.click()`) // the pane may be behind the other one's tab
	c.Until(first(pane+"img") + ` && ` + first(pane+"audio") + ` && ` + first(pane+"a.file"))
	c.carry(pane+box, "paste", "b.txt", "text/plain", []byte("b"))
	c.Run(first(pane+"[data-part=place]") + `.click()`)
}

// TestMediaIsAttachedSentAndShown: by the button, by a drop and by a paste; a picture is seen at the other side, in a place
// of its size before its bytes are there, a sound and a film can be played, any other file is a link.
func TestMediaIsAttachedSentAndShown(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	film := filmOf(c.Page)

	c.choose(tom, onDisk(t, "cheese & “mice”.png", pictureOf(t, 640, 320)))
	c.waitText(tom+".tray .file-name", "cheese & “mice”.png")
	c.shot("tray")
	c.say(tom, "Look!")
	c.shown(jerry, 1)
	c.waitLast(jerry+said, "Look!")
	for _, pane := range []string{tom, jerry} {
		image := first(pane + ".message img")
		c.Until(image + `?.naturalWidth === 640 && ` + image + `.naturalHeight === 320`)
		is(c, image+`.alt`, "Picture: cheese & “mice”.png")
		is(c, `[`+image+`.getAttribute("width"), `+image+`.getAttribute("height")].join()`, "320,160") // whatever has been loaded
		is(c, image+`.closest("a").href === `+image+`.src && `+image+`.closest("a").target`, "_blank")
	}
	is(c, first(tom+".tray")+`.hidden`, true)
	c.waitText(jerry+".last", "Tom: Look!")

	c.carry(jerry+".messages", "drop", "squeak.wav", "audio/wav", toneOf(6))
	c.waitText(jerry+".tray .file-name", "squeak.wav")
	c.carry(jerry+box, "paste", "run.mp4", "video/mp4", film)
	// The film's way up is the longest: it is said before the plan all the same.
	c.Run(`
		const { send } = XMLHttpRequest.prototype;
		XMLHttpRequest.prototype.send = function (body) { setTimeout(() => send.call(this, body), body.get("name") === "run.mp4" ? 500 : 0); };`)
	c.carry(jerry+box, "paste", "plan.txt", "text/plain", []byte("first the cheese"))
	c.carry(jerry+box, "paste", "not this.txt", "text/plain", []byte("x"))
	wait(c, `document.querySelectorAll("#pane-1 .tray li").length`, 4)
	c.click(jerry + `[aria-label="Remove not this.txt"]`)
	wait(c, `document.querySelectorAll("#pane-1 .tray li").length`, 3)
	is(c, `document.activeElement === `+first(jerry+box), true)
	c.press(kb.Enter)
	c.shown(tom, 4)
	c.shown(jerry, 4)
	for _, pane := range []string{tom, jerry} {
		c.Until(`Math.abs(` + first(pane+"audio") + `.duration - 0.75) < 0.01`)
		c.Until(first(pane+"video") + `.duration > 0.5 && ` + first(pane+"video") + `.videoWidth === 64`)
		is(c, `[`+first(pane+"video")+`.width, `+first(pane+"video")+`.height].join()`, "200,150")
		is(c, first(pane+"audio")+`.ariaLabel`, "Audio: squeak.wav")
		is(c, first(pane+"a.file")+`.textContent`, "plan.txt16 B")
	}
	c.Run(`const film = ` + first(tom+"video") + `; film.muted = true; await film.play(); await new Promise((over) => { film.onended = over; });`)
	text := Eval[string](c.Page, `fetch(`+first(tom+"a.file")+`.href).then((answer) => answer.text())`)
	if text != "first the cheese" {
		t.Errorf("behind the link is %q", text)
	}
	c.shot("media")
	c.reload() // and out of the history
	c.shown(jerry, 4)
	c.Until(first(jerry+".message img") + `?.naturalWidth === 640`)
	is(c, `[...document.querySelectorAll("#pane-1 .message")].map((item) => item.querySelector("img, audio, video, a.file").localName).join()`, "img,audio,video,a")
	c.waitText(tom+".last", "Jerry: plan.txt")
}

// TestMediaTakesItsPlaceBeforeItIsLoaded: what is below a picture does not move when its bytes come.
func TestMediaTakesItsPlaceBeforeItIsLoaded(t *testing.T) {
	s := consoleServer(t)
	f := newFront(t, s)
	held := make(chan struct{})
	f.When(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/content") {
			<-held
		}
		return false
	})
	c := visit(t, f.URL+"/#appId="+AppID+"&appKey="+AppKey)
	c.waitText(jerry+title, "Tom & Jerry")
	c.carry(tom+box, "paste", "a.png", "image/png", pictureOf(t, 200, 100))
	c.press(kb.Enter)
	c.shown(jerry, 1)
	c.say(tom, "below")
	c.shown(jerry, 2)
	where := `Math.round(document.querySelector("#pane-1 .message:last-child").getBoundingClientRect().top)`
	before := Eval[int](c.Page, where)
	// The picture's own address is the server's: the page asks there, and not by way of the front, unless it is told to.
	c.Run(`const image = document.querySelector("#pane-1 .message img"); const { pathname, search } = new URL(image.src); image.src = pathname + search;`)
	is(c, first(jerry+".message img")+`.complete`, false)
	is(c, where, before)
	close(held)
	c.Until(first(jerry+".message img") + `.complete && ` + first(jerry+".message img") + `.naturalWidth === 200`)
	is(c, where, before)
}

// TestMediaUploadFailsIsRetriedAndCancelled: the server's reason is there, and a retry; an upload under way has a bar, and
// can be ended.
func TestMediaUploadFailsIsRetriedAndCancelled(t *testing.T) {
	s := consoleServer(t, func(c *app.Config) { c.MaxFileBytes = 100_000 })
	f := newFront(t, s)
	c := visit(t, f.URL+"/#appId="+AppID+"&appKey="+AppKey)
	c.Allow("status of 413|status of 503|net::ERR")
	c.waitText(tom+title, "Tom & Jerry")
	c.Until(`document.activeElement === ` + first(tom+box))

	c.carry(tom+box, "paste", "too large.bin", "", make([]byte, 200_000))
	c.press(kb.Enter)
	c.Until(first(tom + ".failed"))
	if reason := Eval[string](c.Page, first(tom+".failed .foot")+`.textContent`); !strings.Contains(reason, "100000 bytes") || !strings.HasSuffix(reason, "Send again") {
		t.Errorf("the reason is %q", reason)
	}
	c.shot("upload refused")

	var asked atomic.Int32
	f.When(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == "/v1/files" && asked.Add(1) == 1 && Refuse(w, http.StatusServiceUnavailable)
	})
	c.carry(tom+box, "paste", "small.txt", "text/plain", []byte("small"))
	c.press(kb.Enter)
	wait(c, `document.querySelectorAll("#pane-0 .failed").length`, 2)
	c.click(tom + ".message:last-child.failed .foot .link")
	c.waitText(jerry+"a.file", "small.txt5 B")
	if n := asked.Load(); n != 2 {
		t.Errorf("the file was uploaded %d times", n)
	}

	arrived, let := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(let) })
	var gone atomic.Bool
	f.When(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/files" {
			return false
		}
		close(arrived)
		_, _ = io.Copy(io.Discard, r.Body) // the way up, as far as it goes
		select {
		case <-r.Context().Done():
			gone.Store(true)
		case <-let:
		}
		panic(http.ErrAbortHandler)
	})
	c.carry(tom+box, "paste", "slow.bin", "", make([]byte, 50_000))
	c.press(kb.Enter)
	<-arrived
	c.Until(first(tom+".sending progress") + `?.value === 100`)
	is(c, first(tom+".sending progress")+`.ariaLabel`, "Uploading slow.bin")
	c.shot("upload")
	c.say(tom, "meanwhile") // an upload holds nothing up
	c.waitLast(jerry+said, "meanwhile")
	c.click(tom + `[aria-label="Cancel the upload of slow.bin"]`)
	c.Until(`document.querySelector("#pane-0 .sending") === null`)
	c.within20s("the upload is ended", gone.Load)
	is(c, `[...document.querySelectorAll("#pane-0 .file-name")].map((n) => n.textContent).join()`, "small.txt,too large.bin")
	is(c, `document.querySelectorAll("#pane-1 .message").length`, 2)
}

// TestMediaPlaces: a place is sent by its numbers, or by where the browser is, and is a link to the map.
func TestMediaPlaces(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	c.click(tom + "[data-part=place]")
	is(c, `document.activeElement.name`, "latitude")
	c.fill(tom+"[name=latitude]", "91")
	c.fill(tom+"[name=longitude]", "121.4737")
	c.press(kb.Enter)
	is(c, first(tom+"[data-part=placeForm]")+`.hidden`, false) // no latitude
	c.fill(tom+"[name=latitude]", "-31.2304")
	c.shot("place")
	c.press(kb.Enter)
	c.waitText(tom+".tray .file", "31.2304° S, 121.4737° E")
	c.say(tom, "Meet me here")
	c.waitLast(jerry+said, "Meet me here")
	is(c, first(jerry+"a.file")+`.href`, "https://www.openstreetmap.org/?mlat=-31.2304&mlon=121.4737#map=15/-31.2304/121.4737")
	is(c, first(jerry+"a.file")+`.textContent`, "31.2304° S, 121.4737° E")

	latitude, longitude, accuracy := 48.85, 2.35, 5.0
	c.do(call(cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "geolocation"},
		Setting: cdpbrowser.PermissionSettingGranted, BrowserContextID: chromedp.FromContext(c.ctx).BrowserContextID}),
		call(emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{Latitude: &latitude, Longitude: &longitude, Accuracy: &accuracy}))
	c.click(jerry + "[data-part=place]")
	c.click(jerry + "[data-part=placeHere]")
	wait(c, first(jerry+"[name=latitude]")+`.value`, "48.85")
	c.click(jerry + "[data-part=placeForm] [data-say=attachPlace]")
	c.press(kb.Enter)
	wait(c, `[...document.querySelectorAll("#pane-0 a.file")].at(-1).textContent`, "48.85° N, 2.35° E")
	c.waitText(tom+".last", "Jerry: 48.85° N, 2.35° E")
}

// TestMediaCallsAreShownAsCurl: the command that the log shows for an upload uploads the file.
func TestMediaCallsAreShownAsCurl(t *testing.T) {
	s := consoleServer(t)
	c := openConsole(t, s)
	const name = `it's a "test"; really.txt`
	c.carry(tom+box, "paste", name, "text/plain", []byte("as curl"))
	c.press(kb.Enter)
	c.shown(jerry, 1)
	c.Run(`for (const row of document.querySelectorAll(".row.call details")) row.open = true`)
	find := `[...document.querySelectorAll(".row.call pre")].map((n) => n.textContent).find((text) => text.startsWith("curl -X POST") && text.includes("/v1/files"))`
	c.Until(find)
	command := Eval[string](c.Page, find)
	if strings.Contains(command, "eyJ") || !strings.Contains(command, " -F ") {
		t.Errorf("the command is %s", command)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", "TOM="+s.Login(t, "Tom", "").Token+"\n"+strings.Replace(command, "curl ", "curl -sS ", 1))
	shell.Dir = filepath.Dir(onDisk(t, name, []byte("as curl, again")))
	output, err := shell.CombinedOutput()
	var record struct {
		Name string
		Size int
	}
	if err == nil {
		err = json.Unmarshal(output, &record)
	}
	if err != nil || record.Name != name || record.Size != 14 {
		t.Errorf("%s printed %s (%v)", command, output, err)
	}
}
