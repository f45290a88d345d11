package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Codes that only HTTP knows.
const (
	codeMethodNotAllowed     domain.Code = "method_not_allowed"     // the address does not take this method; see Allow
	codeUnsupportedMediaType domain.Code = "unsupported_media_type" // the body is not JSON in UTF-8
)

// statuses is the one table from codes to statuses.
var statuses = map[domain.Code]int{
	domain.CodeInvalid:            http.StatusBadRequest,
	domain.CodeUnauthenticated:    http.StatusUnauthorized,
	domain.CodeForbidden:          http.StatusForbidden,
	domain.CodeNotFound:           http.StatusNotFound,
	codeMethodNotAllowed:          http.StatusMethodNotAllowed,
	domain.CodeConflict:           http.StatusConflict,
	domain.CodePreconditionFailed: http.StatusPreconditionFailed,
	domain.CodeTooLarge:           http.StatusRequestEntityTooLarge,
	codeUnsupportedMediaType:      http.StatusUnsupportedMediaType,
	domain.CodeUnprocessable:      http.StatusUnprocessableEntity,
	domain.CodeRateLimited:        http.StatusTooManyRequests,
	domain.CodeUnavailable:        http.StatusServiceUnavailable,
}

// StatusOf is the status that an error of a code is answered with: 500 for internal and what is not known here.
func StatusOf(code domain.Code) int { return cmp.Or(statuses[code], http.StatusInternalServerError) }

// defaultRetryAfter, in seconds, goes with a 503 or 429 that gives no advice of its own.
const defaultRetryAfter = 1

// errorBody is the one error shape.
type errorBody struct {
	Success   bool                `json:"success"`
	Message   string              `json:"message"`
	Code      domain.Code         `json:"code"`
	Errors    []domain.FieldError `json:"errors"`
	RequestID string              `json:"request_id"`
	CommandID string              `json:"command_id,omitempty"`
}

// problemBody says the same as RFC 9457 has it; our own members are its extensions.
type problemBody struct {
	errorBody

	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// publicError is what a caller may see of err: an error that is not an [domain.Error] stays inside.
func publicError(err error) *domain.Error {
	var known *domain.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		if known.Code == domain.CodeInternal {
			break
		}
		return known
	case errors.As(err, &tooLarge):
		return domain.NewError(domain.CodeTooLarge, "The body is larger than %d bytes. Send less in one request.", tooLarge.Limit)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return domain.NewError(domain.CodeUnavailable, "The request took too long and was given up. Try again.")
	}
	return domain.NewError(domain.CodeInternal,
		"Something went wrong on our side. Try again; if it stays, report the request id.")
}

// faults tell callers and the log what went wrong.
type faults struct {
	passes func(error) bool // may pass by itself
	logger *slog.Logger
}

// told is the part of err that a caller sees; the whole of an internal error goes to the log.
func (f *faults) told(r *http.Request, err error) *domain.Error {
	public := publicError(err)
	level, text := slog.LevelDebug, "request refused"
	switch {
	case public.Code == domain.CodeInternal && f.passes(err):
		text := "The database cannot be asked now. Nothing was changed. Try again shortly."
		if mayBeDone(r, err) {
			text = "The database cannot be asked now. It may not have been done: read, then repeat."
		}
		public = domain.NewError(domain.CodeUnavailable, "%s", text)
		level = slog.LevelWarn
	case StatusOf(public.Code) == http.StatusInternalServerError:
		level, text = slog.LevelError, "request failed"
	}
	f.logger.Log(r.Context(), level, text, logRequestID, RequestID(r.Context()), logError, err.Error())
	return public
}

// mayBeDone tells whether something may have been appended or stored before the database was found away. Changes of dashboards
// say so themselves, with the key to repeat them by; and where nobody could be dialled, nothing was begun.
func mayBeDone(r *http.Request, err error) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || routePattern(r) == patternDashboard {
		return false
	}
	network, ok := errors.AsType[*net.OpError](err)
	return !ok || network.Op != "dial"
}

// handle makes a handler of an endpoint, whose error is the answer.
func (f *faults) handle(endpoint endpointFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := endpoint(w, r); err != nil {
			f.writeError(w, r, err)
		}
	}
}

// reconnecting wraps a stream, so that its client comes back by itself where that can help: an EventSource gives up for
// good after any status but 200. Other answers say that repeating the request changes nothing.
func (f *faults) reconnecting(next endpointFunc) endpointFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		if err == nil {
			return nil
		}
		if status := StatusOf(publicError(err).Code); status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			return err
		}
		public := f.told(r, err)
		stream.Later(w, time.Duration(public.RetryAfter)*time.Second, public.Message)
		return nil
	}
}

// writeError answers with err in the one shape.
func (f *faults) writeError(w http.ResponseWriter, r *http.Request, err error) {
	public := f.told(r, err)
	status := StatusOf(public.Code)
	header := w.Header()
	header.Del(headerETag)
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set(headerRetryAfter, strconv.Itoa(max(public.RetryAfter, defaultRetryAfter)))
	case http.StatusUnauthorized:
		header.Set(headerChallenge, `Bearer realm="ledgerboard"`)
	case http.StatusRequestEntityTooLarge:
		header.Set("Connection", "close") // the rest of the body is not read
	}
	if public.CommandID != "" {
		header.Set("Command-Id", public.CommandID)
	}
	body := errorOf(public, RequestID(r.Context()))
	if prefers(r, mediaProblem) {
		writeJSON(w, mediaProblem, status, problemOf(body))
		return
	}
	writeJSON(w, contentJSON, status, body)
}

func errorOf(public *domain.Error, requestID string) errorBody {
	fields := append([]domain.FieldError{}, public.Fields...) // never null
	return errorBody{Message: public.Message, Code: public.Code, Errors: fields, RequestID: requestID, CommandID: public.CommandID}
}

func problemOf(body errorBody) problemBody {
	status := StatusOf(body.Code)
	return problemBody{
		Type: "urn:ledgerboard:error:" + string(body.Code), Title: http.StatusText(status), Status: status, Detail: body.Message, errorBody: body,
	}
}

// writeJSON answers with a body that always marshals.
func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	raw, _ := json.Marshal(body) //nolint:errchkjson // see above
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // a caller that has gone away is not our failure
}
