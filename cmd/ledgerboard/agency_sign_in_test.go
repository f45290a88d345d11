package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
)

var linkShown = regexp.MustCompile(`https://[^<]+/console/link/[A-Z2-7]+`)

// makesLink presses the button by which an agency makes a link, and returns the link's path.
func (b *personsBrowser) makesLink(user string) string {
	b.t.Helper()
	status, text := b.shows("/console/people/"+user+"/sign-in", url.Values{})
	require.Equal(b.t, http.StatusOK, status, text)
	link := linkShown.FindString(text)
	require.NotEmpty(b.t, link, text)
	at, err := url.Parse(link)
	require.NoError(b.t, err)
	require.Equal(b.t, atBoards, at.Scheme+"://"+at.Host)
	return at.Path
}

// An agency lets people of its clients in by links, and a colleague once; it sees where they are signed in, and ends that. People of others do not
// exist to it. Who made a link for whom is recorded.
func TestAnAgencyLetsItsPeopleIn(t *testing.T) {
	withAddress(t, addressedSettings(t.TempDir()), func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		const foreigner = "c00000000000000000000007"
		tells(t, a,
			domain.DirectoryUser{ID: signInCleo, AccountID: signInClient, Name: "Cleo", Email: "cleo@client.example", Active: true},
			domain.DirectoryUser{ID: signInNora, AccountID: signInAgency, Name: "Nora", Email: "nora@agency.example", Active: true},
			domain.DirectoryUser{ID: foreigner, AccountID: signInForeign, Name: "Fremd", Active: true})
		desk, err := a.Desk(t.Context())
		require.NoError(t, err)
		var first assembly.SignInLink
		require.Eventually(t, func() bool {
			if first, err = desk.Candidate(t.Context(), signInStaff); err != nil {
				return false
			}
			return a.countsOf(t, "select count(*) from users") == 5
		}, time.Minute, 50*time.Millisecond)
		first, err = desk.MakeSignInLink(t.Context(), operatorCaller(), first, domain.Reason{Code: domain.ReasonTest})
		require.NoError(t, err)
		stella := sight()
		status, text := stella.shows(first.Path, url.Values{})
		require.Equal(t, http.StatusOK, status, text)

		withdrawn, link := stella.makesLink(signInCleo), stella.makesLink(signInCleo)
		cleo := sight()
		status, _ = cleo.shows(withdrawn, url.Values{})
		require.Equal(t, http.StatusNotFound, status, "the newer link took its place")
		status, text = cleo.shows(link, url.Values{})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")
		status, text = stella.shows("/console/people/"+signInCleo+"/sign-in", nil)
		require.Equal(t, http.StatusOK, status, text)
		session := regexp.MustCompile(`name="id" value="([A-Z2-7]+)"`).FindStringSubmatch(text)
		require.Len(t, session, 2, text)
		status, text = stella.shows("/console/people/"+signInNora+"/sign-in/end", url.Values{"id": {session[1]}})
		require.Equal(t, http.StatusOK, status, text)
		_, text = cleo.shows("/console/sessions", nil)
		require.Contains(t, text, "End this one", "it is Cleo's session, and not Nora's")
		status, text = stella.shows("/console/people/"+signInCleo+"/sign-in/end", url.Values{"id": {session[1]}})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Cleo is signed in nowhere now.")
		_, text = cleo.shows("/console/sessions", nil)
		require.Contains(t, text, "With a token", "the session is over")

		nora := sight()
		status, text = nora.shows(stella.makesLink(signInNora), url.Values{})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · Agency")
		for user, why := range map[string]string{
			signInNora: "has signed in before", signInStaff: "has signed in before", signInColleague: "would sign nobody in",
		} {
			status, text = stella.shows("/console/people/"+user+"/sign-in", url.Values{})
			require.Equal(t, http.StatusOK, status, text)
			require.Contains(t, text, why)
			require.Empty(t, linkShown.FindString(text), user)
		}
		for path, form := range map[string]url.Values{"": nil, "?": {}, "/end": {"id": {session[1]}}} {
			status, text = stella.shows("/console/people/"+foreigner+"/sign-in"+path, form)
			require.Equal(t, http.StatusNotFound, status, text)
			require.NotContains(t, text, "Fremd")
		}
		require.Eventually(t, func() bool {
			return a.countsOf(t, `select count(*) from operations_trail where data ->> 'action' = 'sign_in_link.made' and role = 'agency' and actor = '`+signInStaff+
				`' and data -> 'target' ->> 'user' in ('`+signInCleo+`', '`+signInNora+`')`) == 3
		}, time.Minute, 50*time.Millisecond)
	})
}
