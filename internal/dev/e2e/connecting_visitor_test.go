//go:build e2e

package e2e_test

import (
	"context"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// visited is a page as somebody else might see it: over a shoulder, in a screenshot, in the history.
type visited struct {
	address string
	shown   string // its source, without the links to platforms, which carry the state and must
}

// visitor is somebody with a browser of their own, who uses the keyboard alone.
type visitor struct {
	*keyboard
	c *connecting
}

// visitor opens a window with cookies of its own, so wide, in the light or the dark.
func (c *connecting) visitor(in *browserPage, width int64, scheme string) *visitor {
	v := &visitor{openWindow(in, width, scheme), c}
	v.looked = v.look
	return v
}

// look judges the page that is open, and remembers it for [connecting.requireSilence].
func (v *visitor) look() {
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
func (v *keyboard) consent(person string, without ...string) {
	v.follow(person)
	for _, box := range without {
		v.tick(box, false)
	}
	v.follow("Allow")
	v.await("what came of it", `document.readyState === "complete" && !document.title.startsWith("One moment")`)
}

// choose ticks pages, and no others, and connects them.
func (v *keyboard) choose(pages ...string) {
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
func (v *keyboard) result() {
	v.await("the first readings", `document.readyState === "complete" && !document.body.innerText.includes("about to be read")`)
	v.looked()
	v.says("read, its figures are here")
}

func (v *visitor) at() (address string) {
	v.eval("location.href", &address)
	return address
}
