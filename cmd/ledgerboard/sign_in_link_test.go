package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// Two agencies with a client each, whose boards were opened.
const (
	signInAgency, signInClient   = "aaaaaaaaaaaaaaaaaaaaaaaa", "c10000000000000000000001"
	signInOther, signInForeign   = "bbbbbbbbbbbbbbbbbbbbbbbb", "c20000000000000000000002"
	signInStaff, signInColleague = "5a0000000000000000000001", "5a0000000000000000000002"
)

func seedConsole(t *testing.T, a *process) {
	t.Helper()
	for _, entity := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: signInAgency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: signInClient, RowID: 2, ParentAccount: signInAgency, Name: "Own Client", Active: true},
		domain.DirectoryAccount{ID: signInOther, RowID: 3, Name: "Other", Active: true},
		domain.DirectoryAccount{ID: signInForeign, RowID: 4, ParentAccount: signInOther, Name: "Foreign Client", Active: true},
		domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella", Active: true},
		domain.DirectoryUser{ID: signInColleague, AccountID: signInAgency, Name: "Gone"},
	} {
		require.NoError(t, a.Log.Append(t.Context(), commands.EntityDraft(entity, time.Now())))
	}
	for agency, client := range map[string]string{signInAgency: signInClient, signInOther: signInForeign} {
		require.Eventually(t, func() bool {
			_, err := a.Updates.Open(t.Context(), commands.OpenDashboard{
				Caller: commands.Caller{ParentAccount: agency, UserID: signInStaff, Role: "agency", RequestID: "r"}, SubAccount: client,
			})
			return err == nil
		}, patience, 50*time.Millisecond)
	}
}

// personsBrowser is a browser: it keeps cookies, also those that are for secure pages, as browsers do on their own machine.
type personsBrowser struct {
	t      *testing.T
	base   string
	client http.Client
}

func newPersonsBrowser(t *testing.T, base string) *personsBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &personsBrowser{t, base, http.Client{Jar: securing{jar}}}
}

// securing is a jar for which every host is this machine's.
type securing struct{ *cookiejar.Jar }

func secured(u *url.URL) *url.URL { s := *u; s.Scheme = "https"; return &s }

func (s securing) SetCookies(u *url.URL, cookies []*http.Cookie) {
	s.Jar.SetCookies(secured(u), cookies)
}

func (s securing) Cookies(u *url.URL) []*http.Cookie { return s.Jar.Cookies(secured(u)) }

// shows asks for a page, or sends a form, and goes where it leads.
func (b *personsBrowser) shows(path string, form url.Values) (status int, text string) {
	b.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	answer, err := b.client.Do(r)
	require.NoError(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	return answer.StatusCode, string(body)
}

// A link signs in once; the person sees its own agency and nothing of others; the sign-in is on record; and once the person has left, the
// session is over.
func TestALinkSignsInToTheConsole(t *testing.T) {
	withService(t, t.TempDir(), func(a *process, base string) {
		seedConsole(t, a)
		desk, err := a.Desk(t.Context())
		require.NoError(t, err)
		for _, nobody := range []string{signInColleague, "ffffffffffffffffffffffff"} {
			_, err = desk.Candidate(t.Context(), nobody)
			require.ErrorContains(t, err, "would sign nobody in", nobody)
		}
		var link signin.Link
		require.Eventually(t, func() bool { // people may be folded after the boards are
			link, err = desk.Candidate(t.Context(), signInStaff)
			return err == nil
		}, patience, 50*time.Millisecond)
		require.Equal(t, signin.Link{UserID: signInStaff, AccountID: signInAgency, Role: "agency"}, link)
		link, err = desk.MakeSignInLink(t.Context(), operatorCaller(), link, api.SignInLinkFor, domain.Reason{Code: domain.ReasonTest})
		require.NoError(t, err)

		b := newPersonsBrowser(t, base)
		status, text := b.shows(link.Path, nil)
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Stella")
		status, text = b.shows(link.Path, url.Values{})
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · Agency")
		status, _ = newPersonsBrowser(t, base).shows(link.Path, url.Values{})
		require.Equal(t, http.StatusNotFound, status, "it is used up")
		requireRecorded(t, a)

		status, text = b.shows("/console/history?q=dashboard:"+signInClient, nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, "Own Client")
		for _, path := range []string{"/console/history?q=dashboard:" + signInForeign, "/console/access?person=" + strings.Repeat("e", 24)} {
			status, text = b.shows(path, nil)
			require.Equal(t, http.StatusNotFound, status, path)
			require.NotContains(t, text, "Foreign Client")
		}
		status, text = b.shows("/console/history", nil)
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, text, "Foreign Client")

		require.NoError(t, a.Log.Append(t.Context(), commands.EntityDraft(
			domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella"}, time.Now())))
		// Whose access ends between the judging of the session and the page is refused by the page: then the next one ends the session.
		refused := false
		for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			status, text = b.shows("/console/history", nil)
			if strings.Contains(text, "With a token") {
				break
			}
			refused = refused || status == http.StatusForbidden
			require.True(t, time.Now().Before(deadline), "the session goes on: %d %s", status, text)
		}
		require.True(t, refused, "a page says why")
	})
}

// requireRecorded waits until the tables show the sign-in and who made the link.
func requireRecorded(t *testing.T, a *process) {
	t.Helper()
	require.Eventually(t, func() bool {
		var sessions, links int
		err := a.ReadPool.QueryRow(t.Context(), `select
			(select count(*) from sessions where user_id = $1),
			(select count(*) from operations_trail where data ->> 'action' = 'sign_in_link.made' and data -> 'target' ->> 'user' = $1)`, signInStaff).
			Scan(&sessions, &links)
		return err == nil && sessions == 1 && links == 1
	}, patience, 50*time.Millisecond)
}

func TestSignInLinkWantsItsAddress(t *testing.T) {
	t.Parallel()
	err := signInLinkCommand{User: signInStaff}.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorContains(t, err, "LEDGERBOARD_PUBLIC_URL is not set")
	err = signInLinkCommand{User: "Stella"}.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorContains(t, err, "--user")
	for _, validFor := range []string{"14m", "169h", "soon"} {
		err = signInLinkCommand{User: signInStaff, ValidFor: validFor, PublicURL: "https://boards.example"}.
			Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
		require.ErrorContains(t, err, "--valid-for \""+validFor+"\": must be a duration from 15m to 168h (7 days)")
	}
}
