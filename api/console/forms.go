package console

import (
	"net/http"
	"net/url"
)

// maxForm bounds a form, maxListForm one that sends whole lists: some thousands of people, as they were and as they are to be.
const (
	maxForm     = 64 << 10
	maxListForm = 1 << 20
)

// form reads what the page's form sent.
func (v *visit) form() (url.Values, error) { return v.formUpTo(maxForm) }

func (v *visit) formUpTo(most int64) (url.Values, error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, most)
	if err := v.r.ParseForm(); err != nil {
		return nil, errForm
	}
	return v.r.PostForm, nil
}
