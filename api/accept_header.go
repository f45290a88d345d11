package api

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// prefers reports whether the caller prefers a type of content to plain JSON: it names it, and does not
// give application/json a greater weight.
func prefers(r *http.Request, media string) bool {
	wanted := weightOf(r, media)
	return wanted > 0 && wanted >= weightOf(r, mediaJSON)
}

// weightOf is the weight that the caller gives a type of content by its name; 0: it does not name it.
func weightOf(r *http.Request, media string) (heaviest float64) {
	for _, value := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(value, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err != nil || mediaType != media {
				continue
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			heaviest = max(heaviest, weight)
		}
	}
	return heaviest
}
