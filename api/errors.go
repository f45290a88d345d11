package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// Codes that only this package uses.
const (
	codeMethodNotAllowed     domain.Code = "method_not_allowed"     // the path does not support this method; see Allow
	codeUnsupportedMediaType domain.Code = "unsupported_media_type" // the body's type or encoding is not supported
)

// statuses maps codes to HTTP statuses.
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

// StatusOf returns the HTTP status of a code: 500 for internal and unknown codes.
func StatusOf(code domain.Code) int { return cmp.Or(statuses[code], http.StatusInternalServerError) }

// errorBody is the shape of all errors.
type errorBody struct {
	Success bool        `json:"success"` // always false
	Message string      `json:"message"` // a message for people that says what is wrong and what to do
	Code    domain.Code `json:"code"`    // the error code, for programs
	// Every invalid input; empty if the error does not concern single inputs.
	Errors []domain.FieldError `json:"errors"`
	// Id that the service assigned to the request; also in the X-Request-Id header of its response.
	RequestID string `json:"request_id"`
	CommandID string `json:"command_id,omitempty"` // id of the command; also its idempotency key
}

// problemBody is the same error in the shape of RFC 9457, with the members of ErrorBody as
// extensions.
type problemBody struct {
	errorBody

	Type   string `json:"type"`   // URI that identifies the error code
	Title  string `json:"title"`  // the reason phrase of the HTTP status
	Status int    `json:"status"` // the HTTP status
	Detail string `json:"detail"` // same as `message`
}

// publicError returns the part of err that callers may see. An error that is not a [domain.Error]
// is not disclosed.
func publicError(err error) *domain.Error {
	var known *domain.Error
	var tooLarge *http.MaxBytesError
	var notAppended domain.NotAppendedError
	switch {
	case errors.As(err, &known):
		if known.Code == domain.CodeInternal {
			break
		}
		return known
	case errors.As(err, &tooLarge):
		return domain.NewError(
			domain.CodeTooLarge, "The body is larger than %d bytes. Send less in one request.", tooLarge.Limit,
		)
	case errors.As(err, &notAppended) && notAppended.Reason != "":
		return domain.NewError(domain.CodeUnavailable,
			"The log refused a record: %s. Before you try again, an operator must correct the log.", notAppended.Reason)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return domain.NewError(domain.CodeUnavailable, "The request timed out. Try again.")
	}
	return domain.NewError(domain.CodeInternal,
		"An internal error occurred. Try again; if the error persists, report the request id.")
}

type faults struct {
	passes func(error) bool // whether an error is transient
	remedy func(error) string
	logger *slog.Logger
}

// report logs an error of a route and returns the part of it that the caller may see.
func (f *faults) report(ctx context.Context, method, pattern string, err error) *domain.Error {
	public := publicError(err)
	level, text := slog.LevelDebug, "request refused"
	switch {
	case public.Code == domain.CodeInternal && f.passes(err):
		text := "The database is unavailable. Nothing was changed. Try again shortly."
		remedy := f.remedy(err)
		switch {
		case mayBeDone(method, pattern, err):
			text = "The database is unavailable. The change may or may not have been made: check it, then try again."
		case remedy != "":
			text = "The database did not carry out the request. " + remedy
		}
		public = domain.NewError(domain.CodeUnavailable, "%s", text)
		level = slog.LevelWarn
	case StatusOf(public.Code) == http.StatusInternalServerError:
		level, text = slog.LevelError, "request failed"
	}
	f.logger.Log(ctx, level, text, logRequestID, RequestID(ctx), logError, err.Error())
	return public
}

// mayBeDone reports whether the request may have changed something before the database became
// unavailable. Changes to dashboards report that themselves, with an idempotency key; and if no
// connection could be opened, nothing was changed.
func mayBeDone(method, pattern string, err error) bool {
	if method == http.MethodGet || method == http.MethodHead || pattern == patternDashboard {
		return false
	}
	network, ok := errors.AsType[*net.OpError](err)
	return !ok || network.Op != "dial"
}

func (f *faults) handle(endpoint func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := endpoint(w, r); err != nil {
			f.writeError(w, r, err)
		}
	}
}

// CanReconnect reports whether the client of a stream should reconnect after an error with this
// code. The response must then be [stream.RetryLater], because an EventSource gives up permanently
// after any status other than 200.
func CanReconnect(code domain.Code) bool {
	status := StatusOf(code)
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}

func (f *faults) writeError(w http.ResponseWriter, r *http.Request, err error) {
	public := f.report(r.Context(), r.Method, routePattern(r), err)
	if slices.Contains(eventStreams, routePattern(r)) && CanReconnect(public.Code) {
		stream.RetryLater(w, r, time.Duration(public.RetryAfter)*time.Second, public.Message)
		return
	}
	status := StatusOf(public.Code)
	header := w.Header()
	header.Del(headerETag)
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set(headerRetryAfter, strconv.Itoa(max(public.RetryAfter, 1))) // seconds
	case http.StatusUnauthorized:
		header.Set(headerChallenge, `Bearer realm="ledgerboard"`)
	case http.StatusRequestEntityTooLarge:
		header.Set("Connection", "close") // the rest of the body stays unread
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
	return errorBody{
		Message: public.Message, Code: public.Code, Errors: fields, RequestID: requestID,
		CommandID: public.CommandID,
	}
}

func problemOf(body errorBody) problemBody {
	status := StatusOf(body.Code)
	return problemBody{
		Type: "urn:ledgerboard:error:" + string(body.Code), Title: http.StatusText(status), Status: status,
		Detail: body.Message, errorBody: body,
	}
}

// writeJSON writes a response whose body always marshals.
func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	raw, _ := json.Marshal(body) //nolint:errchkjson // see above
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // a disconnected caller is not an error
}
