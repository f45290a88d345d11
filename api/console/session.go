package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Ways to sign in.
const (
	wayDemo     = "demo"     // "continue as", on this machine
	wayLink     = "link"     // a one-time link
	wayToken    = "token"    // a token of the API, given by an operator
	wayProvider = "provider" // the identity provider
)

// principalOf is a person as the API knows its callers, until an instant.
func principalOf(p identity.Person, until time.Time) api.Principal {
	var roles api.Roles
	for role := range strings.SplitSeq(p.Role, ",") {
		roles = append(roles, api.Role(role))
	}
	return api.Principal{UserID: p.UserID, AccountID: p.AccountID, Roles: roles, ExpiresAt: until}
}

// Sessions keeps sessions and one-time links; of both it gets the digest of the word that opens them, never the word.
type Sessions interface {
	// Begin records the sign-in and stores the session. The link that it came by, nil for none, is used up with it. What fails leaves no record and no
	// session, and the link works. Errors: [domain.CodeNotFound] for a link that is unknown, used or too old.
	Begin(ctx context.Context, s identity.Session, digest, link []byte) error
	// Find returns the session that lasts at now, and notes that it was seen. Errors: [domain.CodeNotFound].
	Find(ctx context.Context, digest []byte, now time.Time) (identity.Session, error)
	// Of returns the sessions of a person that last at now, the newest first.
	Of(ctx context.Context, userID string, now time.Time) ([]identity.Session, error)
	// End ends one of a person's sessions; one that is not there is ended already.
	End(ctx context.Context, userID, id string) error
	// Link returns whom a link signs in. Errors: [domain.CodeNotFound] for one that is unknown, used or too old.
	Link(ctx context.Context, digest []byte, now time.Time) (identity.Person, error)
}

// Digest is what is stored of a word that opens something.
func Digest(word string) []byte {
	sum := sha256.Sum256([]byte(word))
	return sum[:]
}

// cookieName is of the one cookie of the console. Its prefix has browsers take it from a secure page of this host alone; loopback counts as
// secure. It has the path / because of that prefix, and only the console reads it.
const cookieName = "__Host-lb_console"

// sessionFor is how long a session lasts, whatever happens in it.
const sessionFor = 12 * time.Hour

// recognise finds the session of the cookie and has the API judge its person by the rule that judges tokens. The session of somebody who
// has no rights any more ends.
func recognise(v *visit) (signedIn bool, err error) {
	if v.console.deps.Application != nil {
		return callerOf(v)
	}
	cookies := v.r.CookiesNamed(cookieName)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return false, nil
	}
	sessions := v.console.deps.Sessions
	v.session, err = sessions.Find(v.r.Context(), Digest(cookies[0].Value), v.console.deps.Now())
	if domain.CodeOf(err) == domain.CodeNotFound {
		forget(v)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !v.console.stillListed(v.session) {
		err = sessions.End(v.r.Context(), v.session.UserID, v.session.ID)
		v.session = identity.Session{}
		forget(v)
		return false, err
	}
	v.who = principalOf(v.session.Person, v.session.ExpiresAt)
	me, err := get[readmodels.Me](v, "/api/me", nil)
	if code := domain.CodeOf(err); code == domain.CodeForbidden || code == domain.CodeUnauthenticated {
		if ended := sessions.End(v.r.Context(), v.session.UserID, v.session.ID); ended != nil {
			return false, ended
		}
		forget(v)
	}
	if err == nil {
		v.me = &me
	}
	return err == nil, err
}

// signIn begins a session of a person, whom the API has to let in. Link is the digest of the link that the person came by, nil for none; until
// bounds the session further, zero: nothing does.
func signIn(v *visit, p identity.Person, way string, link []byte, until time.Time) error {
	now := v.console.deps.Now()
	s := identity.Session{Person: p, ID: rand.Text(), Way: way, BegunAt: now, SeenAt: now, ExpiresAt: now.Add(sessionFor)}
	if !until.IsZero() && until.Before(s.ExpiresAt) {
		s.ExpiresAt = until
	}
	judged := &visit{console: v.console, r: v.r, who: principalOf(p, s.ExpiresAt)}
	if _, err := get[readmodels.Me](judged, "/api/me", nil); err != nil {
		if domain.CodeOf(err) == domain.CodeForbidden {
			v.console.deps.Refused(v.r.Context(), RefusalError{Way: way, Why: WhyEnded, User: p.UserID})
		}
		return err
	}
	word := rand.Text()
	if err := v.console.deps.Sessions.Begin(v.r.Context(), s, Digest(word), link); err != nil {
		return err
	}
	if v.session.ID != "" { // a browser has one session
		if err := v.console.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID); err != nil {
			return err
		}
	}
	setCookie(v.w, cookieName, word, int(s.ExpiresAt.Sub(now).Seconds()))
	return nil
}

// forget takes the cookie away.
func forget(v *visit) { setCookie(v.w, cookieName, "", -1) }

func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

const sessionsPath = root + "/sessions"

// sessionsView lists where a person is signed in.
type sessionsView struct {
	Current  string // id of the session that asks
	Sessions []identity.Session
}

func openSessions(v *visit) (view, error) {
	list, err := v.console.deps.Sessions.Of(v.r.Context(), v.who.UserID, v.console.deps.Now())
	return sessionsView{v.session.ID, list}, err
}

func endSession(v *visit) (view, error) {
	return redirect(sessionsPath), v.console.deps.Sessions.End(v.r.Context(), v.who.UserID, v.form.Get("id"))
}
