package browser

import "testing"

// TestTriedKeysStayedInTheBrowser: the page to try the API on kept the master key in the browser's storage, readable, for good.
// The page also works under its Content-Security-Policy; a breach of it would be an error in the console, which fails the test.
func TestTriedKeysStayedInTheBrowser(t *testing.T) {
	c := visit(t, consoleServer(t).URL+"/docs/")
	c.Until(`document.querySelectorAll(".opblock").length > 20`)
	c.click(".btn.authorize")
	c.Until(first("#auth-bearer-value, .auth-container input"))
	c.Run(`const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
		for (const input of document.querySelectorAll(".auth-container input")) {
			set.call(input, "secret-key"); input.dispatchEvent(new Event("input", { bubbles: true })); input.dispatchEvent(new Event("change", { bubbles: true }));
		}
		for (const button of document.querySelectorAll(".auth-btn-wrapper .authorize")) button.click();`)
	c.Until(`[...document.querySelectorAll(".auth-btn-wrapper button")].some((b) => b.textContent === "Logout")`)
	is(c, `JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie]).includes("secret-key")`, false)
}
