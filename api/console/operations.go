package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Service is the API in this process; [*api.Server] implements it.
type Service interface {
	http.Handler
	api.Service

	// Count counts a page, or returns an error if the person opens too many.
	Count(header http.Header, p api.Principal) error
	// Observe counts a page that was served, by its pattern.
	Observe(ctx context.Context, method, pattern string, status int, took time.Duration)
	// Health returns what the process can do, for operators.
	Health(ctx context.Context) operator.Health
}

// ask calls an operation as the visitor.
func ask[I, O any](v *visit, op api.Op[I, O], given url.Values) (O, error) {
	return op.Call(v.r.Context(), v.deps.API, v.who, given, nil)
}

// once calls an operation that changes something, as the visitor. A double-clicked form runs once,
// even if the browser cancels the first request. Body may be nil.
func once[I, O any](v *visit, op api.Op[I, O], given url.Values, body func(*I)) (output O, err error) {
	done, err := v.once(op.ID, given, func(ctx context.Context) (any, error) {
		return op.Call(ctx, v.deps.API, v.who, given, body)
	})
	output, _ = done.(O)
	return output, err
}

// once makes the call of an operation that [once] describes.
func (v *visit) once(id string, given url.Values, call func(context.Context) (any, error)) (any, error) {
	same := fmt.Sprintf("%q", []any{v.session.ID, v.who.UserID, v.who.AccountID, v.who.Roles, id, given, v.form})
	output, err, _ := v.sending.Do(same, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), v.patience)
		defer cancel()
		return call(ctx)
	})
	return output, err
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

// copyParameters copies the named query parameters of the page to those of an operation, except empty
// ones.
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
