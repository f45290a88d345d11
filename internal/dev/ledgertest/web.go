package ledgertest

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Answer is an answer that was read to its end, or the error that prevented one.
type Answer struct {
	Request string // its method and address; that of the last one, if redirects were followed
	Status  int
	Header  http.Header
	Body    string
	Err     error
}

// Once keeps no connections and follows no redirects.
var Once = &http.Client{
	Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Ask has a handler answer a request. Headers have the form "Name: value"; a body is JSON unless they
// say something else.
func Ask(t testing.TB, handler http.Handler, method, path, body string, headers ...string) Answer {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	setHeaders(request, body, headers)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, request)
	return Answer{Request: method + " " + path, Status: w.Code, Header: w.Header(), Body: w.Body.String()}
}

// Send sends such a request to a server.
func Send(client *http.Client, method, url, body string, headers ...string) Answer {
	answer := Answer{Request: method + " " + url}
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		answer.Err = err
		return answer
	}
	setHeaders(request, body, headers)
	response, err := client.Do(request)
	if err != nil {
		answer.Err = err
		return answer
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	answer.Request = response.Request.Method + " " + response.Request.URL.String()
	answer.Status, answer.Header, answer.Body, answer.Err = response.StatusCode, response.Header, string(raw), err
	return answer
}

func setHeaders(request *http.Request, body string, headers []string) {
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		switch name {
		case "Content-Type":
			request.Header.Del(name)
		case "Host": // net/http does not send it from the header
			request.Host = value
			continue
		}
		request.Header.Add(name, value)
	}
}

// Token is signed with a shared secret for an hour from now. Claims of change replace those of a good
// token; nil removes one.
func Token(t testing.TB, secret string, now time.Time, user, account string, role any, change ...map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": user, "account_id": account, "role": role, "iss": "ledgerboard", "aud": "ledgerboard", "exp": now.Add(time.Hour).Unix()}
	for _, c := range change {
		maps.Copy(claims, c)
	}
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	require.NoError(t, err)
	return signed
}

// Says requires a status, and texts in the body.
func (a Answer) Says(t testing.TB, status int, texts ...string) Answer {
	t.Helper()
	require.NoError(t, a.Err, "%.500s", a.Request)
	require.Equal(t, status, a.Status, "%.500s: %s", a.Request, a.Body)
	for _, text := range texts {
		require.Contains(t, a.Body, text, "%.500s", a.Request)
	}
	return a
}

// Lacks requires that texts are not in the body.
func (a Answer) Lacks(t testing.TB, texts ...string) Answer {
	t.Helper()
	for _, text := range texts {
		require.NotContains(t, a.Body, text, "%.500s", a.Request)
	}
	return a
}

// Into decodes the JSON of the body.
func (a Answer) Into(t testing.TB, target any) {
	t.Helper()
	require.NoError(t, a.Err, "%.500s", a.Request)
	require.NoError(t, json.Unmarshal([]byte(a.Body), target), "%.500s: %s", a.Request, a.Body)
}

// Object is the JSON object in the body.
func (a Answer) Object(t testing.TB) (members map[string]any) {
	t.Helper()
	a.Into(t, &members)
	return members
}

// Data decodes the member data of the body.
func (a Answer) Data(t testing.TB, target any) {
	t.Helper()
	a.Into(t, &struct {
		Data any `json:"data"`
	}{target})
}

// Failure is the body of an error.
type Failure struct {
	Success   *bool               `json:"success"`
	Message   string              `json:"message"`
	Code      string              `json:"code"`
	Errors    []domain.FieldError `json:"errors"`
	RequestID string              `json:"request_id"`
	CommandID string              `json:"command_id"`
}

// Failure requires an error in the one shape that all errors have.
func (a Answer) Failure(t testing.TB) (f Failure) {
	t.Helper()
	a.Into(t, &f)
	require.NotNil(t, f.Success, a.Body)
	require.False(t, *f.Success)
	require.NotEmpty(t, f.Message)
	require.NotNil(t, f.Errors, "errors is a list, also when it is empty: %s", a.Body)
	require.Equal(t, a.Header.Get("X-Request-Id"), f.RequestID)
	return f
}

// Fields are the fields that the error names, in order.
func (f Failure) Fields() (names []string) {
	for _, e := range f.Errors {
		names = append(names, e.Field)
	}
	return names
}
