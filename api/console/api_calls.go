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

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
)

// get asks the API for the data at a path, as the visitor.
func get[T any](v *visit, path string, query url.Values) (T, error) {
	data, _, err := getMeta[T, struct{}](v, path, query)
	return data, err
}

// getMeta asks the API for the data at a path and for what stands beside it, as the visitor.
func getMeta[T, M any](v *visit, path string, query url.Values) (data T, meta M, err error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return call[T, M](v, http.MethodGet, path, nil)
}

// post has the API do something, as the visitor; a nil body sends none.
func post[T any](v *visit, path string, body any) (T, error) {
	data, _, err := call[T, struct{}](v, http.MethodPost, path, body)
	return data, err
}

// call sends a request to the API in this process. Its rules are the only ones: roles, tenancy, limits, records of what was read.
func call[T, M any](v *visit, method, path string, body any) (data T, meta M, err error) {
	got, err := v.send(method, path, body, nil)
	if err != nil {
		return data, meta, err
	}
	err = got.read(&data, &meta)
	return data, meta, err
}

// send is call with headers of the page's own, which answers what the API does.
func (v *visit) send(method, path string, body any, headers map[string]string) (*answer, error) {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("ask %s: %w", path, err)
		}
	}
	r := v.request(method, path, sent)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	got := &answer{header: http.Header{}}
	if method == http.MethodGet {
		v.console.deps.API.ServeHTTP(got, r)
	} else { // a form that a double click sends twice is done once, although the browser drops the first request
		same := fmt.Sprintf("%q", []any{v.session.ID, v.who.UserID, v.who.AccountID, v.who.Roles, method, path, headers, sent})
		done, _, _ := v.console.sending.Do(same, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), v.console.patience)
			defer cancel()
			v.console.deps.API.ServeHTTP(got, r.WithContext(ctx))
			return got, nil
		})
		got, _ = done.(*answer)
	}
	if got.status >= http.StatusMultipleChoices {
		return nil, got.refusal()
	}
	return got, nil
}

// read takes the data of a good answer, and what stands beside it.
func (a *answer) read(data, meta any) error {
	got := struct {
		Data any `json:"data"`
		Meta any `json:"meta"`
	}{data, meta}
	if err := json.Unmarshal(a.body.Bytes(), &got); err != nil {
		return fmt.Errorf("read an answer of the API: %w", err)
	}
	return nil
}

// request is a request of the visitor to the API. Nothing of the browser's own goes along: no cookie, no header.
func (v *visit) request(method, path string, body []byte) *http.Request {
	r, err := http.NewRequestWithContext(as(v.r.Context(), v.who), method, path, bytes.NewReader(body))
	if err != nil { // a path of a page with a control character in it: the API says so of the address that is nothing
		r, _ = http.NewRequestWithContext(as(v.r.Context(), v.who), method, "/", http.NoBody)
	}
	r.RemoteAddr, r.Host, r.RequestURI = v.r.RemoteAddr, v.r.Host, path
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if v.as != nil { // the API's own log names whose eyes they are; by this id the record is found of who looked with them
		r.Header.Set("X-Request-Id", v.as.Request)
	}
	return r
}

// answer keeps what the API answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// passing passes an answer of the API on as it is, and keeps a refusal.
type passing struct {
	answer

	to http.ResponseWriter
}

// WriteHeader implements [http.ResponseWriter]. The console's own headers stand; of the API's those go along that say what the answer is.
func (p *passing) WriteHeader(status int) {
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

// Write implements [http.ResponseWriter].
func (p *passing) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	if p.status >= http.StatusMultipleChoices {
		return p.body.Write(b)
	}
	return p.to.Write(b)
}

// Unwrap has an export find the connection, whose patience it sets.
func (p *passing) Unwrap() http.ResponseWriter { return p.to }

// refusal reads the one shape of errors.
func (a *answer) refusal() error {
	if a.status < http.StatusBadRequest { // it leads elsewhere: an id of the page's address is dots
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
		return fmt.Errorf("read an error of the API: %w", err)
	}
	return &domain.Error{Code: said.Code, Message: said.Message, Fields: said.Errors, CommandID: said.CommandID, RequestID: said.RequestID}
}

// passOnGiven asks the API for what the page's own address asks for, by the parameters of these names.
func passOnGiven(v *visit, asked url.Values, names ...string) {
	given := v.r.URL.Query()
	for _, name := range names {
		if given.Get(name) != "" {
			asked.Set(name, given.Get(name))
		}
	}
}

// nextPage is the address of a list's next page; "": this is the last one.
func nextPage(path string, asked url.Values, cursor string) string {
	if cursor == "" {
		return ""
	}
	asked.Set("cursor", cursor)
	asked.Del("limit") // the page says how long it is
	return path + "?" + asked.Encode()
}

// atOnce is how many questions of one page the API answers at a time. A page is ready sooner by it, and leaves connections to the database to
// the pages of others.
const atOnce = 4

// sideBySide asks the questions 0 to n-1 of a page, in their order, a few at a time. Once one has failed, no other is begun. It returns the error of
// the first one that failed in the order of the page, whichever did so sooner: the visitor sees the same error each time. A panic is an error, too:
// net/http looks after that of a request's own goroutine alone, and any other would end the process.
func sideBySide(n int, ask func(i int) error) error {
	errs := make([]error, n)
	asking, ctx := errgroup.WithContext(context.Background())
	asking.SetLimit(atOnce)
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
	_ = asking.Wait() // it knows the error that came first
	return cmp.Or(errs...)
}
