package console

import "net/url"

// passOnGiven asks the API for what the page's own address asks for, by the parameters of these names.
func (v *visit) passOnGiven(asked url.Values, names ...string) {
	given := v.r.URL.Query()
	for _, name := range names {
		if given.Get(name) != "" {
			asked.Set(name, given.Get(name))
		}
	}
}

// nextPage is the address of a list's next page; "": this is the last one.
func nextPage(path string, asked url.Values, cursor string) string {
	if cursor == "" {
		return ""
	}
	asked.Set("cursor", cursor)
	asked.Del("limit") // the page says how long it is
	return path + "?" + asked.Encode()
}
