package console

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What the console itself refuses; all else the API does.
var (
	errNoPage = domain.NewError(domain.CodeNotFound,
		"There is no page at this address. Check it, or go on from the start page.")
	errCrossOrigin = domain.NewError(domain.CodeForbidden,
		"This was asked for by a page of another site. Nothing was done.")
	errWrongRole = domain.NewError(domain.CodeForbidden,
		"This page is not for your role. Go on from the start page, or ask your agency.")
	errSignedOut = domain.NewError(domain.CodeUnauthenticated,
		"You are not signed in any more. Nothing was done. Sign in, and send the form again.")
	errForm = domain.NewError(domain.CodeInvalid,
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
var headings = map[domain.Code]string{
	domain.CodeNotFound: "Nothing is here", domain.CodeForbidden: "This is not open to you", domain.CodeUnauthenticated: "Sign in first",
	domain.CodeRateLimited: "One moment", domain.CodeUnavailable: "Not now", domain.CodeInternal: "This is our fault",
}

// refuse answers with what went wrong.
func (v *visit) refuse(err error) int {
	why, known := errors.AsType[*domain.Error](err)
	switch {
	case known && (why.Code != domain.CodeUnavailable || why.RequestID != ""):
	case known: // not by the API, which logs its own
		v.log(slog.LevelWarn, "console: no answer now", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		why = domain.NewError(domain.CodeUnavailable, "The request took too long and was given up. Try again.")
	case v.console.passes(err):
		why = domain.NewError(domain.CodeUnavailable, "The database cannot be asked now. Try again shortly.")
		v.log(slog.LevelWarn, "console: no answer now", err)
	default:
		why = domain.NewError(domain.CodeInternal, "Something went wrong on our side. Try again; if it stays, tell your operator when it was.")
		v.log(slog.LevelError, "console: page failed", err)
	}
	if v.r.Method == http.MethodGet && why.Code == domain.CodeInvalid && len(why.Fields) > 0 {
		why = errNoPage // the address is wrong: forms show their own faults
	}
	said := why.Message
	if errors.Is(why, domain.ErrDashboardNotFound) || errors.Is(why, readmodels.ErrAccountNotFound) {
		said = "There is no such client. Check the address, or go on from the start page."
	}
	v.w.Header().Del("Content-Disposition") // it is a page, also where a file was asked for
	return v.write(api.StatusOf(why.Code), errorView{
		Heading: cmp.Or(headings[why.Code], "This did not work"), Said: said, RequestID: why.RequestID, SignedIn: v.me != nil,
		SignIn: string(v.console.signInAddress("")),
	})
}

func (v *visit) log(level slog.Level, text string, err error) {
	v.console.deps.Logger.LogAttrs(v.r.Context(), level, text, slog.String("page", v.page.pattern), slog.Any("error", err))
}

func (c *Console) passes(err error) bool { return c.deps.Passes != nil && c.deps.Passes(err) }
