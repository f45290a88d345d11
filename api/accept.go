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
	wanted, plain := 0.0, 0.0
	for _, value := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(value, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			switch mediaType {
			case media:
				wanted = max(wanted, weight)
			case mediaJSON:
				plain = max(plain, weight)
			}
		}
	}
	return wanted > 0 && wanted >= plain
}
