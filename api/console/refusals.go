package console

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func refusal(status int, code domain.Code, message string) *refused {
	return &refused{why: domain.NewError(code, "%s", message), status: status}
}

// What the console itself refuses; all else the API does.
var (
	errNoPage = refusal(http.StatusNotFound, domain.CodeNotFound,
		"There is no page at this address. Check it, or go on from the start page.")
	errCrossOrigin = refusal(http.StatusForbidden, domain.CodeForbidden,
		"This was asked for by a page of another site. Nothing was done.")
	errWrongRole = refusal(http.StatusForbidden, domain.CodeForbidden,
		"This page is not for your role. Go on from the start page, or ask your agency.")
	errSignedOut = refusal(http.StatusUnauthorized, domain.CodeUnauthenticated,
		"You are not signed in any more. Nothing was done. Sign in, and send the form again.")
	errForm = refusal(http.StatusBadRequest, domain.CodeInvalid,
		"The form cannot be read. Go back, and send it again.")
)

// errorView says what went wrong and what to do.
type errorView struct {
	Heading   string
	Said      string
	RequestID string
	SignedIn  bool
	SignIn    string // where the visitor signs in
}

// headings say in a few words what kind of refusal it is.
var headings = map[int]string{
	http.StatusNotFound: "Nothing is here", http.StatusForbidden: "This is not open to you", http.StatusUnauthorized: "Sign in first",
	http.StatusTooManyRequests: "One moment", http.StatusServiceUnavailable: "Not now", http.StatusInternalServerError: "This is our fault",
}

// refuse answers with what went wrong.
func (v *visit) refuse(err error) int {
	told, known := errors.AsType[*refused](err)
	why, isWhy := errors.AsType[*domain.Error](err)
	switch {
	case known:
	case isWhy && why.Code == domain.CodeUnavailable:
		told = &refused{why: why, status: http.StatusServiceUnavailable}
		v.log(slog.LevelWarn, "console: no answer now", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		told = refusal(http.StatusServiceUnavailable, domain.CodeUnavailable, "The request took too long and was given up. Try again.")
	case v.console.passes(err):
		told = refusal(http.StatusServiceUnavailable, domain.CodeUnavailable, "The database cannot be asked now. Try again shortly.")
		v.log(slog.LevelWarn, "console: no answer now", err)
	default:
		told = refusal(http.StatusInternalServerError, domain.CodeInternal,
			"Something went wrong on our side. Try again; if it stays, tell your operator when it was.")
		v.log(slog.LevelError, "console: page failed", err)
	}
	if v.r.Method == http.MethodGet && told.status == http.StatusBadRequest && len(told.why.Fields) > 0 {
		told = errNoPage // the address is wrong: forms show their own faults
	}
	said := told.why.Message
	if errors.Is(told, domain.ErrDashboardNotFound) || errors.Is(told, readmodels.ErrAccountNotFound) {
		said = "There is no such client. Check the address, or go on from the start page."
	}
	v.w.Header().Del("Content-Disposition") // it is a page, also where a file was asked for
	return v.write(told.status, errorView{
		Heading: cmp.Or(headings[told.status], "This did not work"), Said: said, RequestID: told.requestID, SignedIn: v.me != nil,
		SignIn: string(v.console.signInAddress("")),
	})
}

func (v *visit) log(level slog.Level, text string, err error) {
	v.console.deps.Logger.LogAttrs(v.r.Context(), level, text, slog.String("page", v.page.pattern), slog.Any("error", err))
}

func (c *Console) passes(err error) bool { return c.deps.Passes != nil && c.deps.Passes(err) }
