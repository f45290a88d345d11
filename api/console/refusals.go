package console

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Errors of the console itself. All other errors come from the API.
var (
	errNoPage = domain.NewError(domain.CodeNotFound,
		"There is no page at this address. Check the address, or go to the start page.")
	errCrossOrigin = domain.NewError(domain.CodeForbidden,
		"A page of another site sent this request. Nothing was done.")
	errWrongRole = domain.NewError(domain.CodeForbidden,
		"Your role does not have access to this page. Go to the start page for the pages that you can open.")
	errSignedOut = domain.NewError(domain.CodeUnauthenticated,
		"You are no longer signed in. Nothing was done, and this page keeps what you entered. "+
			"Sign in on the page that the link below opens in a new tab, then come back and submit the form again.")
	errAnotherPerson = domain.NewError(domain.CodeConflict, "nothing was saved")
	errNoFile        = domain.NewError(domain.CodeUnauthenticated,
		"You are not signed in, so nothing was sent. Sign in to the console, then try again.")
	errNoCookie = domain.NewError(domain.CodeUnprocessable,
		"Your browser did not keep the cookie of this page, so you would not stay signed in. Your link, code or token is still valid. "+
			"Browsers keep such a cookie only over HTTPS: open this service at its address that begins with https://. "+
			"If the address already begins with https://, allow cookies for this site, go back, reload the page and try again.")
	errNoFigures = domain.NewError(domain.CodeForbidden,
		"Your agency shows no figures on this board. If you expected figures, ask your agency.")
	errForm = domain.NewError(domain.CodeInvalid,
		"The form could not be read. Go back and submit it again.")
	errLargeForm = domain.NewError(domain.CodeInvalid,
		"The form has more than 1 MiB, so nothing was saved. Go back and choose a smaller file.")
)

type errorView struct {
	Heading   string
	Said      string
	RequestID string
	SignedIn  bool
	SignIn    string
	Here      string     // address that Form was sent to; "": no form is offered again
	Form      url.Values // the submitted form, if it can be submitted again after signing in
}

var headings = map[domain.Code]string{
	domain.CodeNotFound: "Page not found", domain.CodeForbidden: "Access denied",
	domain.CodeUnauthenticated: "Sign in first", domain.CodeRateLimited: "Too many requests",
	domain.CodeUnavailable: "Temporarily unavailable", domain.CodeInternal: "Internal error",
}

func (v *visit) refuse(err error) int {
	why, known := errors.AsType[*domain.Error](err)
	switch {
	case known && (why.Code != domain.CodeUnavailable || why.RequestID != ""):
	case known: // not an error of the API, which logs its errors
		v.log(slog.LevelWarn, "console: temporarily unavailable", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		why = domain.NewError(domain.CodeUnavailable, "The request took too long and was canceled. Try again.")
	case v.deps.IsTemporary(err):
		why = domain.NewError(domain.CodeUnavailable, "The database is not available at the moment. Try again shortly.")
		v.log(slog.LevelWarn, "console: temporarily unavailable", err)
	default:
		why = domain.NewError(domain.CodeInternal, "An internal error occurred. Try again. "+
			"If the problem persists, report the time of the error to your operator.")
		v.log(slog.LevelError, "console: page failed", err)
	}
	if v.r.Method == http.MethodGet && why.Code == domain.CodeInvalid && len(why.Fields) > 0 {
		why = errNoPage // the address is invalid: forms show their own errors
	}
	said := why.Message
	if errors.Is(why, domain.ErrDashboardNotFound) || errors.Is(why, readmodels.ErrAccountNotFound) {
		said = "There is no such client. Check the address, or go to the start page."
	}
	heading := cmp.Or(headings[why.Code], "The request failed")
	if errors.Is(why, signInRefusals[signin.RefusalLink]) {
		heading = "Sign-in link no longer valid"
	}
	if why == errNoCookie {
		heading = "You cannot sign in here"
	}
	if why == errAnotherPerson {
		heading = "Another person is signed in"
		said = "You are now signed in as " + v.nameOfVisitor() + "; nothing was saved. This form was opened for " +
			"another person. To submit it as that person, open the start page in a new tab with the link below, " +
			"sign out there, and sign in as that person. Then come back and submit the form again."
	}
	if strings.HasPrefix(v.r.URL.Path, streamPath) && api.CanReconnect(why.Code) {
		stream.RetryLater(v.w, v.r, 0, said)
		return http.StatusOK
	}
	v.w.Header().Del("Content-Disposition") // errors are no downloads
	if v.page.isFile() && v.me == nil {
		http.Error(v.w, said, api.StatusOf(why.Code))
		return api.StatusOf(why.Code)
	}
	shown := errorView{
		Heading: heading, Said: said,
		RequestID: why.RequestID, SignedIn: v.me != nil, SignIn: string(v.signInAddress(v.formPage())),
	}
	if v.refilled {
		shown.Here, shown.Form = v.r.URL.RequestURI(), v.form
	}
	return v.write(api.StatusOf(why.Code), shown)
}

func (v *visit) nameOfVisitor() string {
	if v.me == nil || v.me.User == nil {
		return v.who.UserID
	}
	return foreign(v.me.User.Name, v.who.UserID)
}

// formPage returns the address of the page whose form was submitted, or "" if it is unknown. The
// visitor returns to that page after signing in.
func (v *visit) formPage() string {
	from, err := url.Parse(v.r.Referer())
	if err != nil || v.r.Method != http.MethodPost || from.Host != v.r.Host {
		return ""
	}
	return from.RequestURI()
}

func (v *visit) log(level slog.Level, text string, err error) {
	v.deps.Logger.LogAttrs(v.r.Context(), level, text,
		slog.String("page", v.page.pattern), slog.Any("error", err))
}
