package console

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
)

const picturesPath = root + "/pictures/"

// picturesOfPosts is where the API has them.
const picturesOfPosts = "/api/activities/%s/picture"

// sent is a view that was written already: no page.
type sent int

// pictureOf is the address of a post's picture; of names it, for the letter that is shown without one.
func pictureOf(post, of string) string {
	return picturesPath + url.PathEscape(post) + "?" + url.Values{"of": {letter(of)}}.Encode()
}

// openPicture passes the picture of a post on, or draws a letter where the API has none for the visitor.
func openPicture(v *visit) (view, error) {
	answered := &answer{header: http.Header{}}
	path := fmt.Sprintf(picturesOfPosts, url.PathEscape(v.r.PathValue("id")))
	v.console.deps.API.ServeHTTP(answered, v.request(http.MethodGet, path, nil))
	kind, body := answered.header.Get("Content-Type"), answered.body.Bytes()
	switch {
	case answered.status == http.StatusNotFound:
		kind, body = "image/svg+xml", drawLetter(letter(v.r.URL.Query().Get("of")))
	case answered.status >= http.StatusMultipleChoices:
		return nil, answered.refusal()
	}
	v.w.Header().Set("Content-Type", kind)
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(body)
	return sent(http.StatusOK), nil
}

// drawLetter is a picture of a letter. Its colours fit the light and the dark.
func drawLetter(of string) []byte {
	var out bytes.Buffer
	out.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48"><rect width="48" height="48" fill="#4f6475"/>` +
		`<text x="24" y="25" fill="#fff" font-family="sans-serif" font-size="24" text-anchor="middle" dominant-baseline="central">`)
	_ = xml.EscapeText(&out, []byte(of)) // into memory
	out.WriteString(`</text></svg>`)
	return out.Bytes()
}
