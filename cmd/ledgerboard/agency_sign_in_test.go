package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

var linkShown = regexp.MustCompile(`https://[^<]+/console/link/[A-Z2-7]+`)

// insists is shows, again as long as the service is not ready.
func (b *personsBrowser) insists(path string, form url.Values) (status int, text string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if status, text = b.shows(path, form); status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return status, text
		}
	}
}

// until waits for a number of rows.
func (p *process) until(t *testing.T, want int, sql string) {
	t.Helper()
	for deadline := time.Now().Add(patience); p.countsOf(t, sql) != want; time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%s is not %d", sql, want)
	}
}

// makesLink presses the button by which an agency makes a link, and returns the link's path.
func (b *personsBrowser) makesLink(user string) string {
	b.t.Helper()
	status, text := b.insists("/console/people/"+user+"/sign-in", url.Values{})
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
		a.until(t, 5, "select count(*) from users")
		a.until(t, 1, "select count(*) from accounts where id = '"+signInAgency+"'")
		first, err := desk.Candidate(t.Context(), signInStaff)
		require.NoError(t, err)
		first, err = desk.MakeSignInLink(t.Context(), operatorCaller(), first, api.SignInLinkFor, domain.Reason{Code: domain.ReasonTest})
		require.NoError(t, err)
		stella := sight()
		status, text := stella.insists(first.Path, url.Values{})
		require.Equal(t, http.StatusOK, status, text)

		withdrawn, link := stella.makesLink(signInCleo), stella.makesLink(signInCleo)
		cleo := sight()
		status, _ = cleo.insists(withdrawn, url.Values{})
		require.Equal(t, http.StatusNotFound, status, "the newer link took its place")
		status, text = cleo.insists(link, url.Values{})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")
		status, text = stella.insists("/console/people/"+signInCleo+"/sign-in", nil)
		require.Equal(t, http.StatusOK, status, text)
		session := regexp.MustCompile(`name="id" value="([A-Z2-7]+)"`).FindStringSubmatch(text)
		require.Len(t, session, 2, text)
		status, text = stella.insists("/console/people/"+signInNora+"/sign-in/end", url.Values{"id": {session[1]}})
		require.Equal(t, http.StatusOK, status, text)
		_, text = cleo.insists("/console/sessions", nil)
		require.Contains(t, text, "End this one", "it is Cleo's session, and not Nora's")
		status, text = stella.insists("/console/people/"+signInCleo+"/sign-in/end", url.Values{"id": {session[1]}})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Cleo has no session as a user of ")
		_, text = cleo.insists("/console/sessions", nil)
		require.Contains(t, text, "With a token", "the session is over")

		nora := sight()
		status, text = nora.insists(stella.makesLink(signInNora), url.Values{})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · Agency")
		for user, why := range map[string]string{
			signInNora: "has signed in before", signInStaff: "has signed in before", signInColleague: "would sign nobody in",
		} {
			status, text = stella.insists("/console/people/"+user+"/sign-in", url.Values{})
			require.Equal(t, http.StatusOK, status, text)
			require.Contains(t, text, why)
			require.Empty(t, linkShown.FindString(text), user)
		}
		for path, form := range map[string]url.Values{"": nil, "?": {}, "/end": {"id": {session[1]}}} {
			status, text = stella.insists("/console/people/"+foreigner+"/sign-in"+path, form)
			require.Equal(t, http.StatusNotFound, status, text)
			require.NotContains(t, text, "Fremd")
		}
		a.until(t, 2, `select count(distinct data -> 'target' ->> 'user') from operations_trail where data ->> 'action' = 'sign_in_link.made'
			and role = 'agency' and actor = '`+signInStaff+`' and data -> 'target' ->> 'user' in ('`+signInCleo+`', '`+signInNora+`')`)
	})
}
