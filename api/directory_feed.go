package api

import (
	"bytes"
	"compress/gzip"
	"errors"
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

// postDirectory takes entities, erasures and posts of a main application, a line of JSON each.
func (s *Server) postDirectory() operation {
	of := taking(func(w http.ResponseWriter, r *http.Request, params *Params) error {
		atomic := params.word(paramAtomic) == "true"
		if err := params.Err(); err != nil {
			return err
		}
		lines, err := readLines(w, r)
		if err != nil {
			return err
		}
		fed, err := s.deps.Directory.Feed.Feed(r.Context(), mainAppOf(r), lines, atomic)
		if err != nil {
			return err
		}
		return s.writeData(w, fed, nil)
	}, paramAtomic).answering(reflect.TypeFor[commands.Fed](), nil).accepting(reflect.TypeFor[string]())
	of.bodyMedia = mediaNDJSON
	return of
}

// readLines reads the lines of a body, which may be compressed.
func readLines(w http.ResponseWriter, r *http.Request) ([][]byte, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != mediaNDJSON && mediaType != "application/jsonl" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, domain.NewError(codeUnsupportedMediaType, "The body must be JSON Lines in UTF-8. Send it with Content-Type: %s.", mediaNDJSON)
	}
	body := io.Reader(http.MaxBytesReader(w, r.Body, maxFedBytes))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, unreadable(err)
		}
		body = http.MaxBytesReader(w, unzipped, maxFedBytes)
	default:
		return nil, domain.NewError(codeUnsupportedMediaType, "The body may be compressed by gzip, or not at all. Send Content-Encoding: gzip, or none.")
	}
	raw, err := io.ReadAll(body)
	switch {
	case err != nil:
		return nil, unreadable(err)
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

// errUnreadable (invalid): the body broke off, or is not compressed as its header says.
var errUnreadable = domain.NewError(domain.CodeInvalid,
	"The body could not be read to its end: it broke off, or is not what Content-Encoding says. Send it again.")

// unreadable is the error for a body that cannot be read; too large a one says so itself.
func unreadable(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return errUnreadable
}
