package console

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// jitter is up to how many bytes a compressed page is longer than it must be, by a digest of what it says.
const jitter = 64

// newCompressor compresses pages, style and scripts for browsers that take gzip; streams and downloads do not go through it. A page can hold what
// an address said beside what is secret, and its length would tell an eavesdropper how alike they are (BREACH): the jitter hides that.
func newCompressor() (func(http.Handler) http.HandlerFunc, error) {
	types := make([]string, 0, len(contentTypes)+1)
	for _, t := range contentTypes {
		types = append(types, t)
	}
	return gzhttp.NewWrapper(gzhttp.ContentTypes(append(types, mediaHTML)), gzhttp.EnableZstd(false), gzhttp.RandomJitter(jitter, 0, false))
}
