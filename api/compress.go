package api

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressFrom is the size from which an answer is worth compressing: smaller ones fit into a packet.
const compressFrom = 1024

// newCompressor compresses answers by Accept-Encoding: zstd, else gzip. It buffers and may hold events
// back, so no stream goes through it.
func newCompressor() (func(http.Handler) http.HandlerFunc, error) {
	types := []string{mediaJSON, mediaProblem, mediaCSV, mediaNDJSON, mediaText}
	return gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.ContentTypes(types), gzhttp.SuffixETag(suffixGzip))
}
