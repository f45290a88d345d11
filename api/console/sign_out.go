package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// LogoutPath is the path to which the identity provider reports sessions that ended there (OpenID
// Connect Back-Channel Logout 1.0).
const LogoutPath = root + "/signin/logout"

// recheckAfter is the time after which a request asks the provider again whether a session goes on
// there. Not every provider reports that it disabled or deleted a person (Keycloak 26.4 does not).
const recheckAfter = 15 * time.Minute

// signedOutParam of the sign-in page says that the visitor has just signed out of a session that
// began at the provider, where the session goes on.
const signedOutParam = "signed_out"

func signOut(v *visit) (view, error) {
	to := signInPath
	if v.session.Way == wayProvider {
		to += "?" + url.Values{signedOutParam: {wayProvider}}.Encode()
	}
	return redirect(to), closeSession(v)
}

var errNoSignOut = domain.NewError(domain.CodeNotFound,
	"Your organization's sign-in has no page to sign out, or does not respond at the moment. "+
		"Sign out on one of its own pages, or close all windows of the browser.")

// signOutAtProvider leads to the page where the visitor can sign out at the provider.
func signOutAtProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	address := v.deps.Provider.SignOutURL(v.r.Context())
	if address == "" {
		return nil, errNoSignOut
	}
	return redirect(address), nil
}

// endedAtProvider asks the provider, if it is time, whether the visitor's session goes on there.
// While the provider cannot say, it goes on: the log has the reason.
func endedAtProvider(v *visit, digest []byte) bool {
	now := v.deps.Now()
	if v.deps.Provider == nil || v.session.CheckedAt == nil || now.Sub(*v.session.CheckedAt) < recheckAfter {
		return false
	}
	// A request that ends must not lose the next refresh token.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), v.patience)
	defer cancel()
	err := v.deps.Sessions.Recheck(ctx, digest, now.Add(-recheckAfter), now, v.deps.Provider.Renew)
	if domain.CodeOf(err) == domain.CodeNotFound {
		v.deps.Logger.InfoContext(ctx, "console: a session ended because it ended at the identity provider", "user_id", v.session.UserID)
		return true
	}
	if err != nil {
		v.log(slog.LevelWarn, "console: the identity provider did not say whether a session goes on", err)
	}
	return false
}

// logoutFromProvider ends the sessions that the provider ended. The responses are those of OpenID
// Connect Back-Channel Logout 1.0 §2.8.
func logoutFromProvider(v *visit) (view, error) {
	if v.deps.Provider == nil {
		return nil, errNoPage
	}
	logout, err := v.deps.Provider.Logout(v.r.Context(), v.form.Get("logout_token"))
	if errors.Is(err, signin.ErrToken) {
		v.log(slog.LevelWarn, "console: a logout token was refused", err)
		v.w.Header().Set("Content-Type", "application/json")
		v.w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(v.w, `{"error":"invalid_request"}`)
		return writtenStatus(http.StatusBadRequest), nil
	}
	if err != nil {
		return nil, err
	}
	ended, err := v.deps.Sessions.EndAtProvider(v.r.Context(), logout)
	if err != nil {
		return nil, err
	}
	v.deps.Logger.InfoContext(v.r.Context(), "console: the identity provider ended sessions", "subject", logout.Subject, "ended", ended)
	v.w.WriteHeader(http.StatusOK)
	return writtenStatus(http.StatusOK), nil
}
