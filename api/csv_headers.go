package api

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// headCSV sets the headers of a table. The cursor of the next page goes into a Link, relative to the request,
// because CSV has no place for it.
func headCSV(header http.Header, r *http.Request, nextCursor string) {
	header.Set("Content-Type", contentCSV)
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(routePattern(r), "/auth"), "/"), "/{")
	header.Set(headerDisposition, fmt.Sprintf(`attachment; filename="%s.csv"`, path.Base(name)))
	if nextCursor != "" {
		query := r.URL.Query()
		query.Set("cursor", nextCursor)
		header.Set(headerLink, fmt.Sprintf(`<?%s>; rel="next"`, query.Encode()))
	}
}
