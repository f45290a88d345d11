//go:build e2e

package e2e_test

import (
	"context"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// visited is a page as somebody else might see it: over a shoulder, in a screenshot, in the history.
type visited struct {
	address string
	shown   string // its source, without the links to platforms, which carry the state and must
}

// visitor is somebody with a browser of their own, who uses the keyboard alone.
type visitor struct {
	*browserPage
	c *connecting
}

// visitor opens a window with cookies of its own, so wide, in the light or the dark.
func (c *connecting) visitor(in *browserPage, width int64, scheme string) *visitor {
	c.t.Helper()
	ctx, leave := chromedp.NewContext(in.ctx, chromedp.WithNewBrowserContext())
	c.t.Cleanup(leave)
	v := &visitor{&browserPage{t: c.t, ctx: ctx, console: in.console}, c}
	const height = 800
	prefers := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	require.NoError(c.t, chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, prefers)
		return err
	})))
	return v
}

// open opens an address and looks at the page.
func (v *visitor) open(address string) (status int64) {
	v.t.Helper()
	return v.goes(chromedp.Navigate(address))
}

// goes does what leads to another page, waits for it, and looks at it.
func (v *visitor) goes(steps ...chromedp.Action[chromedp.Void]) (status int64) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, steps...)
	require.NoError(v.t, err, "%s", v.console.String())
	v.look()
	return answer.Status
}

// focused is what has the focus, as it is labelled.
const focused = `(() => {
	const at = document.activeElement;
	const text = at === document.body ? "" : at.labels?.[0]?.innerText ?? (at.innerText || at.value || "");
	return { text: text.replace(/\s+/g, " ").trim(), checked: !!at.checked, ring: getComputedStyle(at).outlineStyle !== "none" };
})()`

// to moves the focus to what is labelled so.
func (v *visitor) to(label string) (checked bool) {
	v.t.Helper()
	var passed []string
	const most = 60
	for range most {
		require.NoError(v.t, chromedp.Do(v.ctx, chromedp.KeyEvent(kb.Tab)))
		var at struct {
			Text          string
			Checked, Ring bool
		}
		v.eval(focused, &at)
		if at.Text != "" {
			require.True(v.t, at.Ring, "it is not seen that %q has the focus", at.Text)
		}
		if strings.Contains(at.Text, label) {
			return at.Checked
		}
		passed = append(passed, at.Text)
	}
	v.t.Fatalf("the keyboard does not reach %q, but %q\n%s", label, passed, v.text())
	return false
}

// follow presses a link or a button.
func (v *visitor) follow(label string) (status int64) {
	v.t.Helper()
	v.to(label)
	return v.goes(chromedp.KeyEvent(kb.Enter))
}

// tick ticks a box, or unticks it.
func (v *visitor) tick(label string, on bool) {
	v.t.Helper()
	if v.to(label) != on {
		require.NoError(v.t, chromedp.Do(v.ctx, chromedp.KeyEvent(" ")))
	}
}

// text is what the page says.
func (v *visitor) text() (text string) {
	v.t.Helper()
	v.eval(`document.body.innerText.replace(/\s+/g, " ")`, &text)
	return text
}

// says requires sentences of the page.
func (v *visitor) says(sentences ...string) {
	v.t.Helper()
	text := v.text()
	for _, sentence := range sentences {
		require.Contains(v.t, text, sentence)
	}
}

// ours judges a page of the service: what somebody who sees badly, has a small window or hears the page needs.
const ours = `(() => {
	const wrong = [];
	const say = (what) => wrong.push(what);
	if (document.title === "" || document.title !== document.querySelector("h1")?.innerText) say("title " + document.title);
	if (document.documentElement.lang !== "en") say("no language");
	if (document.documentElement.scrollWidth > innerWidth) say("wider than the window: " + document.documentElement.scrollWidth);
	for (const box of document.querySelectorAll("input:not([type=hidden])")) if (!box.labels?.length) say("no label: " + box.outerHTML);
	const light = (text) => {
		const [r, g, b] = text.match(/[\d.]+/g).map((n) => n / 255).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (at) => {
		for (; at; at = at.parentElement) {
			const color = getComputedStyle(at).backgroundColor;
			if (!color.endsWith(", 0)")) return color;
		}
		return matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)"; // the browser's own
	};
	for (const at of document.querySelectorAll("main *")) {
		if (![...at.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const [a, b] = [light(getComputedStyle(at).color), light(behind(at))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) say("contrast " + contrast.toFixed(1) + ": " + at.innerText);
	}
	return wrong;
})()`

// look judges the page that is open, and remembers it for [connecting.requireSilence].
func (v *visitor) look() {
	v.t.Helper()
	var at struct{ Address, Source string }
	v.eval(`({ address: location.href, source: document.documentElement.outerHTML })`, &at)
	_, err := chromedp.Run(v.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		cookies, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{v.c.p.base}})
		if err != nil {
			return chromedp.Void{}, err
		}
		for _, cookie := range cookies.Cookies {
			v.c.heard.secret(cookie.Value)
		}
		history, err := cdp.Call(ctx, t, page.GetNavigationHistory, cdp.Empty{})
		if err != nil {
			return chromedp.Void{}, err
		}
		for _, entry := range history.Entries {
			if strings.HasPrefix(entry.URL, v.c.p.base) {
				v.c.visited = append(v.c.visited, visited{address: entry.URL})
			}
		}
		return chromedp.Void{}, nil
	})
	require.NoError(v.t, err)
	if !strings.HasPrefix(at.Address, v.c.p.base) {
		return
	}
	source := at.Source
	for _, part := range strings.Split(source, `href="`+v.c.pages)[1:] {
		link, _, _ := strings.Cut(part, `"`)
		source = strings.ReplaceAll(source, link, "")
	}
	v.c.visited = append(v.c.visited, visited{at.Address, source})
	var wrong []string
	v.eval(ours, &wrong)
	require.Empty(v.t, wrong, "%s\n%s", at.Address, v.text())
}

// consent signs somebody in at the dialog that is open, without some boxes, and comes back.
func (v *visitor) consent(person string, without ...string) {
	v.t.Helper()
	v.follow(person)
	for _, box := range without {
		v.tick(box, false)
	}
	v.follow("Allow")
}

// signIn opens a sign-in, reads who asks for it, and comes to the choice.
func (v *visitor) signIn(start, platform, person string, without ...string) {
	v.t.Helper()
	require.EqualValues(v.t, 200, v.open(start))
	v.follow("Continue to " + platform)
	v.consent(person, without...)
}

// choose ticks pages, and no others, and connects them.
func (v *visitor) choose(pages ...string) {
	v.t.Helper()
	v.eval(`document.activeElement.blur()`, nil)
	var offered []string
	v.eval(`[...document.querySelectorAll("input[name=page]:not([disabled])")].map((box) => box.labels[0].innerText)`, &offered)
	for _, offer := range offered {
		on := false
		for _, wanted := range pages {
			on = on || strings.HasPrefix(offer, wanted)
		}
		v.tick(strings.Join(strings.Fields(offer), " "), on)
	}
	require.EqualValues(v.t, 200, v.follow("Connect what is ticked"), "%s", v.text())
	v.says("From now on")
	for _, wanted := range pages {
		name, _, _ := strings.Cut(wanted, " @")
		v.says(name)
	}
}

// result waits until the page that loads again by itself says that everything was read.
func (v *visitor) result() {
	v.t.Helper()
	v.await("the first readings", `document.readyState === "complete" && !document.body.innerText.includes("about to be read")`)
	v.look()
	v.says("read, its figures are here")
}

// at is where the visitor is, for messages.
func (v *visitor) at() (address string) {
	v.t.Helper()
	v.eval("location.href", &address)
	return address
}
