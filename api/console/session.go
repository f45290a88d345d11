package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

const (
	wayDemo     = "demo" // "Continue as", on this machine
	wayLink     = "link"
	wayToken    = "token" // an API token that an operator issued
	wayProvider = "provider"
	wayFirst    = "first" // the code with which the first agency is created
)

func principalOf(s signin.Session) api.Principal {
	var roles api.Roles
	for role := range strings.SplitSeq(s.Role, ",") {
		roles = append(roles, api.Role(role))
	}
	return api.Principal{UserID: s.UserID, AccountID: s.AccountID, Roles: roles, ExpiresAt: s.ExpiresAt, KnownAs: s.KnownAs}
}

// Sessions stores sessions and one-time links. It receives only digests of their secrets, never the
// secrets.
type Sessions interface {
	// Begin records the sign-in, stores the session and consumes the link; a nil link means none.
	// On an error there is no record and no session, and the link remains valid. The error has code
	// [domain.CodeNotFound] if the link is unknown, used or expired.
	Begin(ctx context.Context, s signin.Session, digest, link []byte) error
	// Find returns the session with the digest. The error has code [domain.CodeNotFound] if no such
	// session is valid at now.
	Find(ctx context.Context, digest []byte, now time.Time) (signin.Session, error)
	// Seen stores now as the time of the last activity of the session with the digest.
	Seen(ctx context.Context, digest []byte, now time.Time) error
	// Of returns a person's sessions that are valid at now, newest first.
	Of(ctx context.Context, userID string, now time.Time) ([]signin.Session, error)
	// End ends one of a person's sessions. An unknown session is not an error.
	End(ctx context.Context, userID, id string) error
	// EndAtProvider ends the sessions that a logout at the provider names, and returns their number.
	EndAtProvider(ctx context.Context, l signin.Logout) (ended int, err error)
	// Recheck asks the provider whether the session with the digest goes on, if that was last asked
	// before since. The error has code [domain.CodeNotFound] if it ended; other errors do not end it.
	Recheck(ctx context.Context, digest []byte, since, now time.Time,
		renew func(ctx context.Context, refresh string) (next string, err error)) error
	// Link returns the person whom a link signs in. The error has code [domain.CodeNotFound] if the
	// link is unknown, used or expired.
	Link(ctx context.Context, digest []byte, now time.Time) (signin.Person, error)
}

// Digest returns the SHA-256 digest of a secret. Only the digest is stored.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// sessionFor is the lifetime of a session. Activity does not extend it.
const sessionFor = 12 * time.Hour

// authenticate lets the API check the session's user by the same rules as a token's user. It ends
// the session of a user who no longer has any rights.
func authenticate(v *visit) (signedIn bool, err error) {
	if v.deps.Application != nil {
		return callerOf(v)
	}
	if found, err := findSession(v); !found || err != nil {
		return false, err
	}
	noteActivity(v)
	v.who = principalOf(v.session)
	me, err := ask(v, api.GetMe, nil)
	if code := domain.CodeOf(err); code == domain.CodeForbidden || code == domain.CodeUnauthenticated {
		if err := closeSession(v); err != nil {
			return false, err
		}
	}
	if err == nil {
		v.me = &me
	}
	return err == nil, err
}

// seenEvery is the precision of a session's last activity. It saves a write for most requests.
const seenEvery = time.Minute

// noteActivity stores the time of the session's last activity if a person made the request. The
// scripts, pictures and streams of an open tab also send requests, but are no activity.
func noteActivity(v *visit) {
	now, dest := v.deps.Now(), v.r.Header.Get("Sec-Fetch-Dest")
	if dest != "" && dest != "document" || strings.HasPrefix(v.r.URL.Path, streamPath) ||
		now.Sub(v.session.SeenAt) < seenEvery {
		return
	}
	cookies := v.r.CookiesNamed(api.ConsoleCookie)
	if err := v.deps.Sessions.Seen(v.r.Context(), Digest(cookies[0].Value), now); err != nil {
		v.log(slog.LevelWarn, "console: the last activity of a session was not stored", err)
	}
}

// findSession sets v.session. It ends the session of an auditor or operator who is no longer on the
// list.
func findSession(v *visit) (found bool, err error) {
	cookies := v.r.CookiesNamed(api.ConsoleCookie)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return false, nil
	}
	v.session, err = v.deps.Sessions.Find(v.r.Context(), Digest(cookies[0].Value), v.deps.Now())
	if domain.CodeOf(err) == domain.CodeNotFound {
		setCookie(v.w, api.ConsoleCookie, "", -1)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !v.stillListed(v.session) || endedAtProvider(v, Digest(cookies[0].Value)) {
		err = closeSession(v)
		v.session = signin.Session{}
		return false, err
	}
	return true, nil
}

// closeSession ends the visitor's session, if there is one, and deletes its cookie.
func closeSession(v *visit) error {
	if v.session.ID != "" {
		if err := v.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID); err != nil {
			return err
		}
	}
	setCookie(v.w, api.ConsoleCookie, "", -1)
	return nil
}

// signIn starts a session for a person whom the API accepts, and gives it to the browser. Link is
// the digest of the sign-in link that was used, or nil.
func signIn(v *visit, s signin.Session, link []byte) error {
	begun, err := beginSession(v, s, link)
	if err != nil {
		return err
	}
	return begun.keep(v)
}

// begunSession is a session with the secret for its cookie.
type begunSession struct {
	signin.Session

	secret string
}

// beginSession starts a session for a person whom the API accepts. If s has an expiry, the session
// does not last longer.
func beginSession(v *visit, s signin.Session, link []byte) (begunSession, error) {
	now, latest := v.deps.Now(), s.ExpiresAt
	s.ID, s.BegunAt, s.SeenAt, s.ExpiresAt = rand.Text(), now, now, now.Add(sessionFor)
	if !latest.IsZero() && latest.Before(s.ExpiresAt) {
		s.ExpiresAt = latest
	}
	judged := &visit{Console: v.Console, r: v.r, who: principalOf(s)}
	if _, err := ask(judged, api.GetMe, nil); err != nil {
		if domain.CodeOf(err) == domain.CodeForbidden {
			v.deps.Refused(v.r.Context(), signin.RefusalError{Way: s.Way, Why: signin.RefusalEnded, User: s.UserID})
		}
		return begunSession{}, err
	}
	begun := begunSession{s, rand.Text()}
	return begun, v.deps.Sessions.Begin(v.r.Context(), s, Digest(begun.secret), link)
}

// keep gives the session to the browser, which has one session.
func (b begunSession) keep(v *visit) error {
	setCookie(v.w, api.ConsoleCookie, b.secret, int(b.ExpiresAt.Sub(b.BegunAt).Seconds()))
	if v.session.ID == "" {
		return nil
	}
	return v.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID)
}

func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// probeCookie is the name of a cookie that the pages for signing in set. A browser that does not
// send it back would not keep a session either, so nothing is used up for it.
const probeCookie = "__Host-lb_probe"

func probeCookies(v *visit) { setCookie(v.w, probeCookie, "1", 0) }

func keepsCookies(v *visit) bool {
	if cookieOf(v.r, probeCookie) == "" {
		probeCookies(v) // for the next attempt
		return false
	}
	return true
}

// overPlainHTTP reports whether a browser probably sent the request over plain HTTP from another
// machine: it then keeps no Secure cookie, and leaves out the headers that it sends over HTTPS.
func overPlainHTTP(r *http.Request) bool {
	host, _, noPort := net.SplitHostPort(r.Host)
	if noPort != nil {
		host = strings.Trim(r.Host, "[]")
	}
	ip, _ := netip.ParseAddr(host)
	proxied, _, _ := strings.Cut(strings.ToLower(r.Header.Get("X-Forwarded-Proto")), ",")
	switch {
	case host == "localhost", strings.HasSuffix(host, ".localhost"), ip.IsLoopback(), r.TLS != nil, proxied == "https":
		return false
	case proxied == "http":
		return true
	}
	return r.Header.Get("Sec-Fetch-Site") == "" && !strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

const sessionsPath = root + "/sessions"

type sessionsView struct {
	Current  string
	Sessions []signin.Session
}

func openSessions(v *visit) (view, error) {
	list, err := v.deps.Sessions.Of(v.r.Context(), v.who.UserID, v.deps.Now())
	return sessionsView{v.session.ID, list}, err
}

func endSession(v *visit) (view, error) {
	return redirect(sessionsPath), v.deps.Sessions.End(v.r.Context(), v.who.UserID, v.form.Get("id"))
}
