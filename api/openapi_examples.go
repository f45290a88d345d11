package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// exampleValues are what the document's examples send, by the parameters' names.
var exampleValues = map[string]any{
	"startTime": "2026-01-01", "endTime": "2026-01-31", "fromDate": "2026-01-01", "toDate": "2026-01-31", "pId": "all", "cId": "0",
	"memberId": 7, "accountId": "11", "account": "c10000000000000000000001", "tz": "Europe/Berlin", "granularity": "week", "limit": 50,
	"id": "c10000000000000000000001", "userId": "a11ce0000000000000000000", "platformId": 70, "activityId": "70:104_77",
	"user_id": "a11ce0000000000000000000", "from": "2026-01-01", "to": "2026-01-31", "format": "csv",
}

// exampleUpdate is the body of a PUT.
var exampleUpdate = map[string]any{"allow_client_dashboard": true, "users": []string{"a11ce0000000000000000000"}}

// codeSample is a request that can be copied, as renderers of OpenAPI show it.
type codeSample struct {
	Lang   string `json:"lang"`
	Label  string `json:"label"`
	Source string `json:"source"`
}

// samplesOf are requests of a route, for a shell in which BASE and TOKEN are set.
func samplesOf(r route) []codeSample {
	if strings.HasPrefix(r.pattern, prefixSocketIO) {
		return nil // is not spoken by hand
	}
	sample := func(label, flags string) codeSample {
		if r.roles != nil || isStream(r.pattern) {
			flags += ` -H "Authorization: Bearer $TOKEN"`
		}
		return codeSample{"Shell", label, fmt.Sprintf(`curl%s "$BASE%s"`, flags, examplePath(r))}
	}
	switch {
	case r.method == http.MethodPut:
		return []codeSample{sample("curl", ` -X PUT -H "Content-Type: application/json" -d '{"allow_client_dashboard":true,"users":["a11ce0000000000000000000"]}'`)}
	case r.method == http.MethodPost:
		return []codeSample{sample("curl", ` -X POST`)}
	case isStream(r.pattern):
		return []codeSample{sample("curl", ` -N`)}
	case r.about.tag == tagAnalytics:
		return []codeSample{sample("curl", ""), sample("curl, as CSV", ` -H "Accept: text/csv"`)}
	default:
		return []codeSample{sample("curl", "")}
	}
}

// examplePath is the address of an example: what must be given, and what shapes the answer.
func examplePath(r route) string {
	path, query := r.pattern, url.Values{}
	for _, p := range parametersOf(r) {
		value := fmt.Sprint(p.Example)
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		case p.In == "query" && (p.Required || slices.Contains([]string{"tz", "granularity", "limit"}, p.Name)):
			query.Set(p.Name, value)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + strings.ReplaceAll(query.Encode(), "%2F", "/")
}

// exampleError is an answer with a code, as a caller meets it.
func exampleError(code domain.Code) errorBody {
	const id = "HZ3Q7DNVXK5WPAJ2T6RYMEBCSF"
	with := func(message string) errorBody { return errorOf(domain.NewError(code, "%s", message), id) }
	switch code {
	case domain.CodeInvalid:
		return errorOf(invalidField("startTime", "does not lie before endTime"), id)
	case domain.CodeUnauthenticated:
		return with("There is no token. Send the header Authorization: Bearer <token>.")
	case domain.CodeForbidden:
		return errorOf(errWrongRole, id)
	case domain.CodeNotFound:
		return errorOf(analytics.ErrMemberNotFound, id)
	case domain.CodeConflict:
		return with("Too many changes of this agency came at once. Send the request again.")
	case domain.CodePreconditionFailed:
		return with("The dashboard was changed since you read it. Read it again.")
	case domain.CodeTooLarge:
		return errorOf(publicError(&http.MaxBytesError{Limit: DefaultMaxBody}), id)
	case codeUnsupportedMediaType:
		return with("The body must be JSON in UTF-8. Send it with Content-Type: application/json.")
	case domain.CodeUnprocessable:
		return errorOf(domain.NewError(code, "The request is against a rule; see errors.").
			WithField("users[0]", "is not a user of the linked accounts or of the agency"), id)
	case domain.CodeRateLimited:
		return with("You have made 6000 requests within 60 seconds. Wait 12 seconds and go on more slowly.")
	case domain.CodeUnavailable:
		return with("The read models are being made. Try again in a moment.")
	default:
		return errorOf(publicError(errors.New("a defect")), id)
	}
}

// inPath is the text of a parameter that stands in the path, where it cannot be left out.
func inPath(text string) string {
	text, _, _ = strings.Cut(text, " Absent:")
	return strings.ReplaceAll(text, " (also when absent)", "")
}
