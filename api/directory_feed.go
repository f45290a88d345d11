package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Limits of a request to the directory.
const (
	maxFedLines = 10_000
	maxFedBytes = 16 << 20 // of the lines, compressed or not
)

const brokenOff = "The body could not be read to its end: it broke off, or is not what Content-Encoding says. Send it again."

// postDirectory takes entities, erasures and posts of a main application, a line of JSON each.
func (s *Server) postDirectory() operation {
	of := answering(func(p *Params) bool { return p.word(paramAtomic) == "true" }, func(r *http.Request, atomic bool) (fed commands.Fed, err error) {
		lines, err := readLines(r)
		if err != nil {
			return fed, err
		}
		return s.deps.Directory.Feed.Feed(r.Context(), caller(r, RoleMainApp), lines, atomic)
	}).accepting(reflect.TypeFor[string]())
	of.bodyMedia = mediaNDJSON
	return of
}

// readLines reads the lines of a body, which may be compressed.
func readLines(r *http.Request) ([][]byte, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != mediaNDJSON && mediaType != "application/jsonl" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, domain.NewError(codeUnsupportedMediaType, "The body must be JSON Lines in UTF-8. Send it with Content-Type: %s.", mediaNDJSON)
	}
	body := io.Reader(http.MaxBytesReader(nil, r.Body, maxFedBytes))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, unreadable(err, brokenOff)
		}
		body = http.MaxBytesReader(nil, unzipped, maxFedBytes)
	default:
		return nil, domain.NewError(codeUnsupportedMediaType, "The body may be compressed by gzip, or not at all. Send Content-Encoding: gzip, or none.")
	}
	raw, err := io.ReadAll(body)
	switch {
	case err != nil:
		return nil, unreadable(err, brokenOff)
	case !utf8.Valid(raw):
		return nil, domain.NewError(domain.CodeInvalid, "The body is not valid UTF-8. Send it in UTF-8.")
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, domain.NewError(domain.CodeInvalid, "The body is empty. Send a JSON object on each line.")
	}
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	if lines := bytes.Count(raw, []byte("\n")) + 1; lines > maxFedLines { // before they are split: the slice of empty ones is many times the body
		return nil, domain.NewError(domain.CodeTooLarge, "The body has %d lines. Send at most %d in one request.", lines, maxFedLines)
	}
	return bytes.Split(raw, []byte("\n")), nil
}
