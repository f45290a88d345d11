package console

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// cookieName is of the one cookie of the console. Its prefix has browsers take it from a secure page of this host alone; loopback counts as
// secure. It has the path / because of that prefix, and only the console reads it.
const cookieName = "__Host-lb_console"

// sessionFor is how long a session lasts, whatever happens in it.
const sessionFor = 12 * time.Hour

// recognise finds the session of the cookie and has the API judge its person by the rule that judges tokens. The session of somebody who
// has no rights any more ends.
func (v *visit) recognise() (signedIn bool, err error) {
	if v.console.deps.Application != nil {
		return v.caller()
	}
	cookies := v.r.CookiesNamed(cookieName)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return false, nil
	}
	v.session, err = v.console.deps.Sessions.Find(v.r.Context(), Digest(cookies[0].Value), v.console.deps.Now())
	if domain.CodeOf(err) == domain.CodeNotFound {
		v.forget()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !v.console.stillListed(v.session) {
		err = v.console.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID)
		v.session = Session{}
		v.forget()
		return false, err
	}
	v.who = v.session.principal(v.session.ExpiresAt)
	me, err := get[readmodels.Me](v, "/api/me", nil)
	if err != nil {
		return false, v.dismissed(err)
	}
	v.me = &me
	return true, nil
}

// dismissed ends the session when err says that its person has no rights any more.
func (v *visit) dismissed(err error) error {
	if code := domain.CodeOf(err); code != domain.CodeForbidden && code != domain.CodeUnauthenticated {
		return err
	}
	if ended := v.console.deps.Sessions.End(v.r.Context(), v.session.UserID, v.session.ID); ended != nil {
		return ended
	}
	v.forget()
	return err
}

// signIn begins a session of a person, whom the API has to let in. Link is the digest of the link that the person came by, nil for none; until
// bounds the session further, zero: nothing does.
func (v *visit) signIn(p Person, way string, link []byte, until time.Time) error {
	now := v.console.deps.Now()
	s := Session{
		Person: p, ID: rand.Text(), Way: way, BegunAt: now, SeenAt: now, ExpiresAt: now.Add(sessionFor),
	}
	if !until.IsZero() && until.Before(s.ExpiresAt) {
		s.ExpiresAt = until
	}
	judged := &visit{console: v.console, r: v.r, who: p.principal(s.ExpiresAt)}
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
	v.setCookie(cookieName, word, int(s.ExpiresAt.Sub(now).Seconds()))
	return nil
}

// forget takes the cookie away.
func (v *visit) forget() { v.setCookie(cookieName, "", -1) }

func (v *visit) setCookie(name, value string, maxAge int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
