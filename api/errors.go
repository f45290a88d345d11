package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Codes that only HTTP knows.
const (
	codeMethodNotAllowed     domain.Code = "method_not_allowed"     // the address does not take this method; see Allow
	codeUnsupportedMediaType domain.Code = "unsupported_media_type" // the body is not JSON in UTF-8
)

// statusOf is the one table from codes to statuses.
func statusOf(code domain.Code) int {
	switch code { //nolint:exhaustive // internal and what is not known here are the default
	case domain.CodeInvalid:
		return http.StatusBadRequest
	case domain.CodeUnauthenticated:
		return http.StatusUnauthorized
	case domain.CodeForbidden:
		return http.StatusForbidden
	case domain.CodeNotFound:
		return http.StatusNotFound
	case codeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case domain.CodeConflict:
		return http.StatusConflict
	case domain.CodePreconditionFailed:
		return http.StatusPreconditionFailed
	case domain.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeUnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case domain.CodeUnprocessable:
		return http.StatusUnprocessableEntity
	case domain.CodeRateLimited:
		return http.StatusTooManyRequests
	case domain.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

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

// writeError answers with err in the one shape. The whole of an internal error goes to the log.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	public := publicError(err)
	status := statusOf(public.Code)
	if status == http.StatusInternalServerError {
		s.deps.Logger.ErrorContext(r.Context(), "request failed",
			logRequestID, RequestID(r.Context()), logError, err.Error())
	} else {
		s.deps.Logger.DebugContext(r.Context(), "request refused",
			logRequestID, RequestID(r.Context()), logError, err.Error())
	}
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
		s.writeJSON(w, mediaProblem, status, problemOf(body))
		return
	}
	s.writeJSON(w, "application/json; charset=utf-8", status, body)
}

func errorOf(public *domain.Error, requestID string) errorBody {
	body := errorBody{Message: public.Message, Code: public.Code, Errors: public.Fields, RequestID: requestID, CommandID: public.CommandID}
	if body.Errors == nil {
		body.Errors = []domain.FieldError{}
	}
	return body
}

func problemOf(body errorBody) problemBody {
	status := statusOf(body.Code)
	return problemBody{
		Type: "urn:ledgerboard:error:" + string(body.Code), Title: http.StatusText(status), Status: status, Detail: body.Message, errorBody: body,
	}
}

// writeJSON marshals before it writes, so that what cannot be marshalled is a 500 and not half an answer.
func (s *Server) writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		s.deps.Logger.Error("marshal answer", logError, err.Error())
		status = http.StatusInternalServerError
		raw = []byte(`{"success":false,"message":"Something went wrong on our side.","code":"internal","errors":[],"request_id":""}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n')) // a caller that went away is no failure of ours
}
