package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
)

// passwords knows people by their address; the password of each is "right".
type passwords struct {
	people map[string]console.Person
	why    map[string]console.RefusalError // who is refused, whatever the password
	takes  map[string]time.Duration        // to find out
	none   bool                            // nobody has one
	err    error
}

func (p *passwords) Offered(context.Context) (bool, error) { return !p.none, p.err }

func (p *passwords) Person(_ context.Context, email, password string) (console.Person, error) {
	time.Sleep(p.takes[email])
	person, known := p.people[email]
	why, refused := p.why[email]
	switch {
	case p.err != nil:
		return console.Person{}, p.err
	case refused:
		return console.Person{}, &why
	case !known:
		return console.Person{}, &console.RefusalError{Why: console.WhyNobody}
	case password != "right":
		return console.Person{}, &console.RefusalError{Why: console.WhyPassword, User: person.UserID}
	}
	return person, nil
}

const aliceAt = "alice@agency.example"

func withPasswords(t *testing.T) (*stage, *passwords) {
	t.Helper()
	s := newStage(t)
	p := &passwords{people: map[string]console.Person{aliceAt: {UserID: alice, AccountID: agency, Role: "agency"}}}
	s.deps.Passwords, s.deps.Demo = p, nil
	return s.open(), p
}

func (b *browser) enters(email, password string) page {
	b.t.Helper()
	return b.post("/console/sign-in/password", url.Values{"email": {email}, "password": {password}, "to": {"/console/sessions"}})
}

func TestAPasswordSignsIn(t *testing.T) {
	t.Parallel()
	s, p := withPasswords(t)
	b := s.browser()
	b.get("/console/sign-in?to=/console/sessions").says(http.StatusOK, "With a password", `name="to" value="/console/sessions"`, `autocomplete="current-password"`)
	b.enters(" "+aliceAt+"\n", "right").leadsTo("/console/sessions")
	b.get("/console/sessions").says(http.StatusOK, "your password", "Name of "+alice)
	require.Empty(t, s.refused)

	p.none = true
	require.NotContains(t, s.browser().get("/console/sign-in").Body.String(), "With a password", "nobody has one")
	p.none, p.err = false, domain.NewError(domain.CodeUnavailable, "The read models are being made.")
	away := s.browser().get("/console/sign-in")
	away.says(http.StatusOK, "With a token")
	require.NotContains(t, away.Body.String(), "With a password")
	s.browser().enters(aliceAt, "right").says(http.StatusServiceUnavailable, "being made")
}

// Where no password counts, there is no such way in: without a key, and beside a provider.
func TestNoPasswordCounts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.NotContains(t, s.browser().get("/console/sign-in").Body.String(), "With a password")
	s.browser().enters(aliceAt, "right").says(http.StatusNotFound)
	s, _ = withProvider(t)
	s.deps.Passwords = &passwords{}
	_, err := console.Handler(s.deps)
	require.ErrorContains(t, err, "no password counts")
}

// Whatever is wrong with an address and a password is answered alike and alike late; the record says why. Who knows the password is told that access has
// ended.
func TestNobodyLearnsWhichAddressesAreKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := withPasswords(t)
		p.takes = map[string]time.Duration{aliceAt: 400 * time.Millisecond, "hash@x.example": 990 * time.Millisecond, "twin@x.example": 300 * time.Millisecond}
		p.why = map[string]console.RefusalError{
			"twin@x.example": {Why: console.WhySeveral}, "hash@x.example": {Why: console.WhyHash, User: clara},
			"gone@x.example": {Why: console.WhyEnded, User: adam},
		}
		var bodies []string
		for n, email := range []string{aliceAt, "stranger@x.example", "twin@x.example", "hash@x.example"} {
			began := time.Now()
			answer := s.browser().entersFrom(n, email, "wrong")
			answer.says(http.StatusUnprocessableEntity, "sign nobody in", "Ask your agency for a link")
			require.Equal(t, time.Second, time.Since(began), email)
			require.Contains(t, answer.Body.String(), `value="`+email+`"`)
			bodies = append(bodies, strings.ReplaceAll(answer.Body.String(), email, "ADDRESS"))
		}
		for _, body := range bodies {
			require.Equal(t, bodies[0], body)
		}
		s.browser().entersFrom(4, "gone@x.example", "right").says(http.StatusForbidden, "Your access has ended")
		require.Equal(t, []console.RefusalError{
			{Way: "password", Why: console.WhyPassword, User: alice},
			{Way: "password", Why: console.WhyNobody},
			{Way: "password", Why: console.WhySeveral},
			{Way: "password", Why: console.WhyHash, User: clara},
			{Way: "password", Why: console.WhyEnded, User: adam},
		}, s.refused)
		require.Empty(t, s.sessions.sessions)
	})
}

// entersFrom is enters, from a host of its own.
func (b *browser) entersFrom(host int, email, password string) page {
	b.t.Helper()
	return b.send(http.MethodPost, "/console/sign-in/password", url.Values{"email": {email}, "password": {password}}, func(r *http.Request) {
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:50000", host)
	})
}

// Who guesses waits longer and longer, by its host and by the person, from whichever hosts the tries come; the person itself comes in at once.
func TestGuessingGetsSlowAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := withPasswords(t)
		took := func(host int, email, password string) time.Duration {
			began := time.Now()
			s.browser().entersFrom(host, email, password)
			return time.Since(began)
		}
		var byPerson, byHost []time.Duration
		for n := range 7 {
			byPerson = append(byPerson, took(n, []string{aliceAt, "Alice@agency.example"}[n%2], "wrong"))
			byHost = append(byHost, took(100, fmt.Sprint(n, "@x.example"), "wrong"))
		}
		want := []time.Duration{1 * time.Second, 1 * time.Second, 1 * time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 9 * time.Second}
		require.Equal(t, want, byPerson)
		require.Equal(t, want, byHost)
		require.Zero(t, took(100, aliceAt, "right"), "whatever others have tried, also from its own host")
		require.Len(t, s.sessions.sessions, 1)
	})
}

func TestPasswordsAreNotCheckedNow(t *testing.T) {
	t.Parallel()
	s, p := withPasswords(t)
	p.err = errors.New("no connection to 10.0.0.7")
	answer := s.browser().enters(aliceAt, "right")
	answer.says(http.StatusInternalServerError, "Something went wrong on our side")
	require.NotContains(t, answer.Body.String(), "10.0.0.7")
	require.Empty(t, s.refused)
}
