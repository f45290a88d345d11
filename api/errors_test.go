package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
)

var errPasses = errors.New("the database is away")

// errLimited is transient, but a retry does not help.
var errLimited = fmt.Errorf("the limit is exceeded: %w", errPasses)

func TestInternalErrorsHaveOneFormat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err     error
		status  int
		code    string
		message string
		retry   string
	}{
		"domain error":       {fmt.Errorf("read: %w", domain.NewError(domain.CodeConflict, "lost")), 409, "conflict", "lost", ""},
		"internal":           {errors.New("host db-7 refused user root"), 500, "internal", "An internal error occurred", ""},
		"internal by code":   {domain.NewError(domain.CodeInternal, "host db-7"), 500, "internal", "An internal error occurred", ""},
		"unavailable":        {domain.NewError(domain.CodeUnavailable, "later"), 503, "unavailable", "later", "1"},
		"unavailable, known": {&domain.Error{Code: domain.CodeUnavailable, Message: "later", RetryAfter: 9}, 503, "unavailable", "later", "9"},
		"database is away":   {fmt.Errorf("dial db-7: %w", errPasses), 503, "unavailable", "Nothing was changed", "1"},
		"limit of database":  {fmt.Errorf("sort on db-7: %w", errLimited), 503, "unavailable", "A retry does not help.", "1"},
		"rate limited":       {domain.NewError(domain.CodeRateLimited, "slower"), 429, "rate_limited", "slower", "1"},
		"panic":              {nil, 500, "internal", "An internal error occurred", ""},
	} {
		b := setup(t)
		b.readErr, b.panics = test.err, test.err == nil
		answer := b.get("/api/projects/dashboard/"+client1, b.agencyToken())
		f := answer.Failure(t)
		require.Equal(t, test.status, answer.Status, name)
		require.Equal(t, test.code, f.Code, name)
		require.Contains(t, f.Message, test.message, name)
		require.Equal(t, test.retry, answer.Header.Get("Retry-After"), name)
		require.Equal(t, name == "database is away", strings.Contains(answer.Body, "Try again shortly"), name)
		require.NotContains(t, answer.Body, "db-7", "what is inside stays inside")
		if test.status == http.StatusInternalServerError {
			for _, says := range map[bool][]string{false: {"db-7"}, true: {"a defect", `"stack"`}}[b.panics] {
				require.Contains(t, b.logged(), says, "and goes to the log")
			}
		}
	}
}

// That nothing was changed is said only where it is known: a client that believes it repeats
// without looking.
func TestUnknownOutcomeIsNotReportedAsUnchanged(t *testing.T) {
	t.Parallel()
	const unchanged, open = "Nothing was changed. Try again shortly.", "The change may or may not have been made: check it, then try again."
	lost := fmt.Errorf("commit: %w", errPasses)
	of := func(op string) error {
		return fmt.Errorf("%w: %w", errPasses, &net.OpError{Op: op, Net: "tcp", Err: errors.New("refused")})
	}
	operators := &apitest.Operators{}
	b := setup(t, func(d *api.Deps) { d.Operators = operators })
	for _, c := range []struct {
		method, path string
		err          error
		says         string
	}{
		{http.MethodGet, "/api/projects/dashboard/" + client1, lost, unchanged},
		{http.MethodPut, "/api/projects/dashboard/" + client1, lost, unchanged}, // its commands say themselves what is open
		{http.MethodPost, "/api/ops/connections/7/read", of("dial"), unchanged},
		{http.MethodPost, "/api/ops/connections/7/read", of("read"), open},
		{http.MethodPost, "/api/ops/connections/7/read", lost, open},
	} {
		b.readErr, b.updateErr, operators.Refusal = c.err, c.err, c.err
		body := map[string]string{http.MethodPut: `{"users":[]}`, http.MethodPost: `{"reason":"test"}`}[c.method]
		answer := b.ask(c.method, c.path, body, "Authorization: Bearer "+b.token(agency, []string{"agency", "operator"}), "Content-Type: application/json")
		require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Body)
		require.Contains(t, answer.Failure(t).Message, c.says, "%s %s: %v", c.method, c.path, c.err)
	}
}

func TestProblemJSONOnRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for accept, problem := range map[string]bool{
		"application/problem+json":                         true,
		"application/json, application/problem+json":       true,
		"application/json;q=0.5, application/problem+json": true,
		"application/problem+json;q=0.5, application/json": false,
		"application/problem+json;q=0":                     false,
		"application/json":                                 false,
		"*/*":                                              false,
		"":                                                 false,
		"nonsense;;;, application/problem+json; charset=utf": true,
	} {
		answer := b.ask(http.MethodGet, "/nowhere", "", "Accept: "+accept).Says(t, http.StatusNotFound)
		if !problem {
			require.Equal(t, "application/json; charset=utf-8", answer.Header.Get("Content-Type"), accept)
			answer.Failure(t)
			continue
		}
		require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"), accept)
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(answer.Body), &body))
		require.Equal(t, "urn:ledgerboard:error:not_found", body["type"])
		require.Equal(t, "Not Found", body["title"])
		require.EqualValues(t, 404, body["status"])
		require.Equal(t, body["message"], body["detail"])
		require.Equal(t, "not_found", body["code"])
		require.Equal(t, answer.Header.Get("X-Request-Id"), body["request_id"])
	}
}

func TestInvalidRequestBodiesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, test := range map[string]struct {
		body    string
		headers []string
		status  int
		message string
	}{
		"malformed":             {"{\n  \"users\": [,]\n}", nil, 400, "line 2, column 13"},
		"cut short":             {`{"users":["a`, nil, 400, "line 1, column 12"},
		"empty":                 {" \n", nil, 400, "empty"},
		"not an object":         {`["users"]`, nil, 400, "JSON object"},
		"null":                  {`null`, nil, 400, "JSON object"},
		"trailing garbage":      {`{} {}`, nil, 400, "line 1, column 4"},
		"member given twice":    {`{"users":[],"unlink":true,"users":[]}`, nil, 400, "users is in the body twice"},
		"invalid UTF-8":         {"{\"users\":[\"\xff\"]}", nil, 400, "UTF-8"},
		"too large":             {`{"scopes":["` + strings.Repeat("a", api.MaxBody) + `"]}`, nil, 413, "1048576 bytes"},
		"form":                  {`users=`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "application/json"},
		"no content type":       {`{}`, []string{"Content-Type: "}, 415, "application/json"},
		"another character set": {`{}`, []string{"Content-Type: application/json; charset=latin1"}, 415, "UTF-8"},
		"compressed":            {`{}`, []string{"Content-Encoding: gzip"}, 415, "Content-Encoding"},
	} {
		answer := b.put(client1, test.body, test.headers...)
		require.Equal(t, test.status, answer.Status, name)
		require.Contains(t, answer.Failure(t).Message, test.message, name)
	}
	require.Empty(t, b.updates, "nothing was changed")
	require.Equal(t, 200, b.put(client1, `{}`, "Content-Type: application/vnd.api+json; charset=UTF-8").Status)
}

func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"users":[],"unlink":true}`))
	f.Add([]byte("{\"a\":1,\"a\":2}"))
	f.Add([]byte(`{} x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		members, err := api.ParseObject(raw)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		var same map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &same))
		require.Len(t, members, len(same))
		command, err := api.ParseUpdate(client1, members)
		if err == nil {
			require.Len(t, api.UpdateDigest(command), 64)
		}
	})
}
