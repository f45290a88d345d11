package platforms

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// graphError is Meta's error object.
type graphError struct {
	Message   text  `json:"message"`
	Type      text  `json:"type"`
	Code      text  `json:"code"` // seen as a number and as a string
	Subcode   count `json:"error_subcode"`
	Transient flag  `json:"is_transient"`
}

// classifyGraph classifies an answer of the Graph API. An error body counts under every status, 200
// included; the decision is by code, then subcode, never by status alone.
func classifyGraph(ans answer) *Error {
	if ans.status == http.StatusOK && !bytes.Contains(ans.body, []byte(`"error"`)) {
		return nil
	}
	var envelope struct {
		Error maybe[graphError] `json:"error"`
	}
	if json.Unmarshal(ans.body, &envelope) != nil || !envelope.Error.ok {
		return byStatus(ans)
	}
	return envelope.Error.v.classify(ans.status)
}

func (e graphError) classify(status int) *Error {
	// The list is read here: of a long message only the beginning is kept.
	allowed := allowedMetrics(string(e.Message))
	return &Error{Class: e.class(status), Code: string(e.Code), Subcode: int(e.Subcode.n), Words: string(e.Message), allowed: allowed}
}

// Subcodes with a meaning of their own.
const (
	subcodeInvisible      = 33      // object deleted or invisible
	subcodeBeforeBusiness = 2108006 // media posted before the account became a business account
)

//nolint:cyclop // a table of codes reads best in one place
func (e graphError) class(status int) Class {
	var code count
	_ = code.UnmarshalJSON([]byte(e.Code))
	message := string(e.Message)
	switch n := code.n; {
	case e.Subcode.n == subcodeBeforeBusiness, n == 10 && strings.Contains(message, "Not enough viewers"):
		return ClassNoData // says nothing about the token
	case n == 190, n == 102:
		return ClassReconnect
	case n == 4, n == 17, n == 32, n == 341, n == 613, n >= 80000 && n <= 80014:
		return ClassThrottled
	case n == 368:
		return ClassBlocked
	case n == 100 && e.Subcode.n == subcodeInvisible, n == 803:
		return ClassNotFound
	case n == 100 && isMetricMessage(message):
		return ClassUnsupportedMetric
	case n == 100: // a wrong request, also under HTTP 500: repeating it does not help
		return ClassInvalid
	case n == 1, n == 2, bool(e.Transient):
		return ClassRetry
	case n == 3, n == 10, n >= 200 && n <= 299:
		return ClassPermission
	default:
		return statusClass(status)
	}
}

// codeWrongRequest is Meta's code for whatever is wrong with a request, an unknown metric among others.
const codeWrongRequest = "100"

// isMetricMessage knows two of the sentences for an unknown metric: the Page edge's does not name the
// culprit, the Instagram edge's lists what is allowed.
func isMetricMessage(message string) bool {
	return strings.Contains(message, "must be a valid insights metric") || strings.Contains(message, allowedMarker)
}

const allowedMarker = "must be one of the following values:"

// allowedMetrics reads the list out of Instagram's sentence; nil when there is none.
func allowedMetrics(message string) []string {
	_, listed, found := strings.Cut(message, allowedMarker)
	if !found {
		return nil
	}
	return metricName.FindAllString(listed, -1)
}

var (
	metricName       = regexp.MustCompile(`[a-z0-9_]+`)
	nonexistingField = regexp.MustCompile(`nonexisting field \(([a-z_]+)\)`)
)

// badField is the field that a node does not have, "" when the error is another one.
func badField(e *Error) string {
	if found := nonexistingField.FindStringSubmatch(e.Words); found != nil {
		return found[1]
	}
	return ""
}

// oversized says that the answer was too large: ask for less.
func oversized(e *Error) bool {
	return e.Code == codeTooLarge || (e.Code == "1" && strings.Contains(e.Words, "reduce the amount of data"))
}
