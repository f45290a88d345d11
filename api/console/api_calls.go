package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// get returns the data of a GET request to the API as the visitor.
func get[T any](v *visit, path string, query url.Values) (T, error) {
	data, _, err := getMeta[T, struct{}](v, path, query)
	return data, err
}

func getMeta[T, M any](v *visit, path string, query url.Values) (data T, meta M, err error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	got, err := v.send(http.MethodGet, path, nil, nil)
	if err != nil {
		return data, meta, err
	}
	err = got.read(&data, &meta)
	return data, meta, err
}

// post sends a POST request to the API as the visitor, and returns the data of the response. If
// body is nil, the request has no body.
func post[T any](v *visit, path string, body any) (data T, err error) {
	got, err := v.send(http.MethodPost, path, body, nil)
	if err != nil {
		return data, err
	}
	err = got.read(&data, nil)
	return data, err
}

// send sends a request to the API in this process as the visitor.
func (v *visit) send(method, path string, body any, headers map[string]string) (*answer, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode request body for %s: %w", path, err)
		}
	}
	r := v.request(method, path, sent)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	got := &answer{header: http.Header{}}
	if method == http.MethodGet {
		v.deps.API.ServeHTTP(got, r)
	} else { // a double-clicked form runs once, even if the browser cancels the first request
		same := fmt.Sprintf("%q", []any{
			v.session.ID, v.who.UserID, v.who.AccountID, v.who.Roles, method, path, headers, sent,
		})
		done, _, _ := v.sending.Do(same, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), v.patience)
			defer cancel()
			v.deps.API.ServeHTTP(got, r.WithContext(ctx))
			return got, nil
		})
		got, _ = done.(*answer)
	}
	if got.status >= http.StatusMultipleChoices {
		return nil, got.refusal()
	}
	return got, nil
}

func (a *answer) read(data, meta any) error {
	got := struct {
		Data any `json:"data"`
		Meta any `json:"meta"`
	}{data, meta}
	if err := json.Unmarshal(a.body.Bytes(), &got); err != nil {
		return fmt.Errorf("decode API response: %w", err)
	}
	return nil
}

// request returns an API request as the visitor, without cookies and browser headers. Its context
// has no route context of a main application's router, because the API's router would continue from
// that.
func (v *visit) request(method, path string, body []byte) *http.Request {
	ctx := api.WithPrincipal(context.WithValue(v.r.Context(), chi.RouteCtxKey, nil), v.who)
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil { // the path contains a control character: the API responds with not found
		r, _ = http.NewRequestWithContext(ctx, method, "/", http.NoBody)
	}
	r.RemoteAddr, r.Host, r.RequestURI = v.r.RemoteAddr, v.r.Host, path
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if v.viewedAs != nil { // the API logs the client user; the id leads to the record of the actual visitor
		r.Header.Set("X-Request-Id", v.viewedAs.Request)
	}
	return r
}

type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// forwardingWriter forwards a successful response of the API, and stores any other response.
type forwardingWriter struct {
	answer

	to http.ResponseWriter
}

// WriteHeader keeps the console's headers and copies only the content headers of the API.
func (p *forwardingWriter) WriteHeader(status int) {
	if p.status == 0 && status < http.StatusMultipleChoices {
		for _, name := range []string{"Content-Type", "Content-Disposition"} {
			if value := p.header.Get(name); value != "" {
				p.to.Header().Set(name, value)
			}
		}
		p.to.WriteHeader(status)
	}
	p.answer.WriteHeader(status)
}

func (p *forwardingWriter) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	if p.status >= http.StatusMultipleChoices {
		return p.body.Write(b)
	}
	return p.to.Write(b)
}

// Unwrap lets [http.ResponseController] set the deadlines of exports.
func (p *forwardingWriter) Unwrap() http.ResponseWriter { return p.to }

func (a *answer) refusal() error {
	if a.status < http.StatusBadRequest { // a redirect: the id in the page's address consists only of dots
		return errNoPage
	}
	var said struct {
		Message   string              `json:"message"`
		Code      domain.Code         `json:"code"`
		Errors    []domain.FieldError `json:"errors"`
		RequestID string              `json:"request_id"`
		CommandID string              `json:"command_id"`
	}
	if err := json.Unmarshal(a.body.Bytes(), &said); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode API error: %w", err)
	}
	return &domain.Error{
		Code: said.Code, Message: said.Message, Fields: said.Errors,
		CommandID: said.CommandID, RequestID: said.RequestID,
	}
}

// parameters returns a query that contains the values that are not empty.
func parameters(values map[string]string) url.Values {
	q := url.Values{}
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// copyParameters copies the named query parameters of the page to an API query, except empty ones.
func copyParameters(v *visit, asked url.Values, names ...string) {
	given := v.r.URL.Query()
	for _, name := range names {
		if given.Get(name) != "" {
			asked.Set(name, given.Get(name))
		}
	}
}

func nextPage(path string, asked url.Values, cursor string) string {
	if cursor == "" {
		return ""
	}
	asked.Set("cursor", cursor)
	asked.Del("limit") // the page sets it
	return path + "?" + asked.Encode()
}

// maxConcurrent leaves database connections for other pages.
const maxConcurrent = 4

// concurrently calls ask for 0 to n-1 in order, at most maxConcurrent at a time. After an error it
// starts no further calls. If several calls fail, it returns the error with the lowest index, so
// that the visitor always sees the same error. It converts panics into errors: net/http recovers
// only panics in the request's goroutine, and any other panic would crash the process.
func concurrently(n int, ask func(i int) error) error {
	errs := make([]error, n)
	asking, ctx := errgroup.WithContext(context.Background())
	asking.SetLimit(maxConcurrent)
	for i := 0; i < n && ctx.Err() == nil; i++ {
		asking.Go(func() error {
			defer func() {
				if fault := recover(); fault != nil {
					errs[i] = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
				}
			}()
			errs[i] = ask(i)
			return errs[i]
		})
	}
	_ = asking.Wait() // returns the earliest error, not the one with the lowest index
	return cmp.Or(errs...)
}
