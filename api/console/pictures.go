package console

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

const picturesPath = root + "/pictures/"

// writtenStatus is the status of a response that has already been written.
type writtenStatus int

func pictureOf(post, platform string) string {
	return picturesPath + url.PathEscape(post) + "?" + url.Values{"of": {letter(platform)}}.Encode()
}

// openPicture sends the picture of a post. If the API has no picture for the visitor, it draws a
// letter.
func openPicture(v *visit) (view, error) {
	picture, err := ask(v, api.GetPicture, url.Values{"activityId": {v.r.PathValue("id")}})
	switch {
	case domain.CodeOf(err) == domain.CodeNotFound:
		picture = api.File{Type: "image/svg+xml", Body: drawLetter(letter(v.r.URL.Query().Get("of")))}
	case err != nil:
		return nil, err
	}
	return v.sendPicture(picture)
}

// openLogo sends the logo of the visitor's agency.
func openLogo(v *visit) (view, error) {
	logo, err := ask(v, api.GetLogo, nil)
	if err != nil {
		return nil, err
	}
	return v.sendPicture(logo)
}

func (v *visit) sendPicture(picture api.File) (view, error) {
	v.w.Header().Set("Content-Type", picture.Type)
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(picture.Body)
	return writtenStatus(http.StatusOK), nil
}

// drawLetter draws a letter as SVG. Its colors suit both the light and the dark scheme.
func drawLetter(text string) []byte {
	var out bytes.Buffer
	out.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">` +
		`<rect width="48" height="48" fill="#4f6475"/>` +
		`<text x="24" y="25" fill="#fff" font-family="sans-serif" font-size="24" ` +
		`text-anchor="middle" dominant-baseline="central">`)
	_ = xml.EscapeText(&out, []byte(text)) // a Buffer does not fail
	out.WriteString(`</text></svg>`)
	return out.Bytes()
}
