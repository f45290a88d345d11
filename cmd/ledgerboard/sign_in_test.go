package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// Two agencies with one client each, whose boards are open.
const (
	signInAgency, signInClient   = "aaaaaaaaaaaaaaaaaaaaaaaa", "c10000000000000000000001"
	signInOther, signInForeign   = "bbbbbbbbbbbbbbbbbbbbbbbb", "c20000000000000000000002"
	signInStaff, signInColleague = "5a0000000000000000000001", "5a0000000000000000000002"
	signInTwin, signInNora       = "5a0000000000000000000003", "5a0000000000000000000004"
	signInCleo, signInOtherTwin  = "c00000000000000000000005", "c00000000000000000000006"
)

func seedConsole(t *testing.T, a *process) {
	t.Helper()
	a.appendEntities(t,
		domain.DirectoryAccount{ID: signInAgency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: signInClient, RowID: 2, ParentAccount: signInAgency, Name: "Own Client", Active: true},
		domain.DirectoryAccount{ID: signInOther, RowID: 3, Name: "Other", Active: true},
		domain.DirectoryAccount{ID: signInForeign, RowID: 4, ParentAccount: signInOther, Name: "Foreign Client", Active: true},
		domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella", Active: true},
		domain.DirectoryUser{ID: signInColleague, AccountID: signInAgency, Name: "Gone"})
	for agency, client := range map[string]string{signInAgency: signInClient, signInOther: signInForeign} {
		ledgertest.Eventually(t, func() bool {
			_, err := a.Updates.Open(t.Context(), commands.OpenDashboard{
				Caller: commands.Caller{ParentAccount: agency, UserID: signInStaff, Role: "agency", RequestID: "r"}, SubAccount: client,
			})
			return err == nil
		})
	}
}

type personsBrowser struct {
	t      *testing.T
	base   string
	client http.Client
	owner  string // for whom the forms of the last page were drawn
}

var formOwner = regexp.MustCompile(`name="drawn_for" value="([^"]+)"`)

// shows requests a page or sends a form, and repeats that while the service is not ready.
func (p *personsBrowser) shows(path string, form url.Values) (status int, text string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if status, text = p.send(path, form); status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return status, text
		}
	}
}

func (p *personsBrowser) send(path string, form url.Values) (status int, text string) {
	method := http.MethodGet
	if form != nil {
		method, form = http.MethodPost, maps.Clone(form)
		form.Set("drawn_for", p.owner)
	}
	answer := ledgertest.Send(&p.client, method, p.base+path, form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: text/html")
	require.NoError(p.t, answer.Err)
	if found := formOwner.FindStringSubmatch(answer.Body); found != nil {
		p.owner = found[1]
	}
	return answer.Status, answer.Body
}

func (p *personsBrowser) opens(path string, form url.Values) (text string) {
	status, text := p.shows(path, form)
	require.Equal(p.t, http.StatusOK, status, text)
	return text
}

// atBoards is the public URL of the service; other requests are not redirected.
const atBoards = "https://boards.test"

// leadingTo sends requests for [atBoards] to the address of the service, like a TLS proxy.
type leadingTo struct{ base string }

func (l leadingTo) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "boards.test" {
		at, err := url.Parse(l.base)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = at.Scheme, at.Host
	}
	return http.DefaultTransport.RoundTrip(r)
}

// addressedSettings returns the settings of a service with a public URL.
func addressedSettings(in storage) settings {
	settings := eraseSettings(in)
	settings.PublicURL, settings.SecretsKey = atBoards, fetchKey
	settings.GrowthWindow, settings.AccountInsightsInterval = 168*time.Hour, 12*time.Hour
	return settings
}

// providerSettings returns the settings of a service with a public URL and an identity provider.
func providerSettings(t *testing.T, in storage, at *issuer.Issuer, staff ...string) settings {
	t.Helper()
	at.Returns(atBoards + "/console/signin/callback")
	settings := addressedSettings(in)
	settings.SignIn = app.SignIn{
		OIDCIssuer: at.URL, OIDCClientID: issuer.ClientID, OIDCStaff: staff,
		OIDCClientSecret: "file:" + newFile(t, "client secret", issuer.ClientSecret+"\n"),
	}
	require.NotContains(t, fmt.Sprint(settings.validate(":1")), "OIDC")
	return settings
}

// withAddress runs the service and calls use; sight returns a new browser.
func withAddress(t *testing.T, settings settings, use func(a *process, sight func() *personsBrowser)) {
	t.Helper()
	withLog(t, settings, ledgertest.Quiet, use)
}

func withLog(t *testing.T, settings settings, logger *slog.Logger, use func(a *process, sight func() *personsBrowser)) {
	t.Helper()
	runService(t, settings, logger, func(a *process, base string) {
		use(a, func() *personsBrowser {
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			at, err := url.Parse(atBoards)
			require.NoError(t, err)
			jar.SetCookies(at, []*http.Cookie{{Name: "__Host-lb_probe", Value: "1", Path: "/", Secure: true}}) // of a page for signing in
			return &personsBrowser{t: t, base: atBoards, client: http.Client{Jar: jar, Transport: leadingTo{base}}}
		})
	})
}

func (p *personsBrowser) signsIn(as string) (status int, text string) {
	var at string
	p.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			at = r.URL.String()
		}
		return nil
	}
	require.Contains(p.t, p.opens("/console/signin/start", nil), "Who are you?")
	base := p.base
	p.base = ""
	defer func() { p.base = base }()
	return p.shows(at+"&as="+url.QueryEscape(as), nil)
}

// Sign-in through provider, log and tables: who gets which role, who is refused, and why. An operator links a
// person whose address the provider does not verify.
func TestConsoleSignInThroughProviderAssignsRoles(t *testing.T) {
	in, at := newStorage(t), issuer.Start(t)
	verified := func(subject, email string) { at.Knows(subject, map[string]any{"email": email, "email_verified": true}) }
	verified("stella", "Stella@Agency.Example")
	verified("stella's other", "stella@agency.example")
	verified("cleo", "cleo@client.example")
	verified("twin", "twin@agency.example")
	verified("gone", "gone@agency.example")
	verified("stranger", "stranger@agency.example")
	verified("kelvin", "\u212Aim@agency.example")
	verified("olga", "Olga@Operators.example")
	at.Knows("nora", map[string]any{"email": "nora@agency.example", "email_verified": false})
	withAddress(t, providerSettings(t, in, at, "operator:olga@operators.example"), func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		stella := domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella", Email: "stella@Agency.example", Active: true}
		a.appendEntities(t, stella,
			domain.DirectoryUser{ID: signInColleague, AccountID: signInAgency, Name: "Gone", Email: "gone@agency.example"},
			domain.DirectoryUser{ID: signInNora, AccountID: signInAgency, Name: "Nora", Email: "nora@agency.example", Active: true},
			domain.DirectoryUser{ID: signInTwin, AccountID: signInAgency, Name: "Twin", Email: "twin@agency.example", Active: true},
			domain.DirectoryUser{ID: signInOtherTwin, AccountID: signInForeign, Name: "Twin", Email: "TWIN@agency.example", Active: true},
			domain.DirectoryUser{ID: signInCleo, AccountID: signInClient, Name: "Cleo", Email: "cleo@client.example", Active: true},
			domain.DirectoryUser{ID: "5a0000000000000000000007", AccountID: signInAgency, Name: "Kim", Email: "kim@agency.example", Active: true})
		a.until(t, 7, "select count(*) from users where email <> ''")

		for as, want := range map[string]string{
			"nobody": "canceled", "nora": "ask the operator of this service to link you", "twin": "several people",
			"gone": "No one with your email address", "stranger": "No one with your email address", "kelvin": "No one with your email address",
		} {
			status, text := sight().signsIn(as)
			require.Equal(t, http.StatusForbidden, status, as)
			require.Contains(t, text, want, as)
		}
		require.Zero(t, a.countsOf(t, "select count(*) from kept.identities")+a.countsOf(t, "select count(*) from kept.sessions"))

		link := func(user, subject string) signInLinkCommand {
			return signInLinkCommand{service: service{DataDir: a.DataDir}, User: user, Subject: subject, ValidFor: "24h", actionFlags: someReason}
		}
		require.Contains(t, mustRun(t, link(signInNora, "nora")), `The subject "nora" now signs in as this user.`)
		for want, c := range map[string]signInLinkCommand{
			"already linked":  link(signInNora, "s-8"),
			"or this account": link(signInCleo, "nora"),
			"no active user":  link(signInColleague, "s-9"),
			"printable ASCII": link(signInCleo, "s\n7"),
		} {
			_, err := runCommand(t, c)
			require.ErrorContains(t, err, want)
		}
		status, text := sight().signsIn("nora")
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "Nora")
		a.until(t, 1, "select count(distinct actor) from operations_trail where data ->> 'action' = 'sign_in.linked' and data -> 'target' ->> 'user' = '"+signInNora+"'")

		status, text = sight().signsIn("stella")
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · <bdi>Agency</bdi>")
		_, text = sight().signsIn("cleo")
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")
		_, text = sight().signsIn("olga")
		require.Contains(t, text, "operator")
		for range 2 {
			status, text = sight().signsIn("stella's other")
			require.Equal(t, http.StatusForbidden, status)
			require.Contains(t, text, "linked to another sign-in")
		}
		a.until(t, 2, "select count(*) from sessions where user_id in ('"+signInStaff+"', '"+signInCleo+"')")
		require.InDelta(t, 2, ledgertest.Metrics(t, a.registry)["ledgerboard_sign_ins_refused_total provider linked"], 0)

		stella.Email = "new@agency.example"
		a.appendEntities(t, stella)
		a.until(t, 1, "select count(*) from users where email = 'new@agency.example'")
		_, text = sight().signsIn("stella")
		require.Contains(t, text, "Stella", "she is found by her subject even with a new address")

		stella.Email = "stella@agency.example"
		a.appendEntities(t, stella)
		a.until(t, 1, "select count(*) from users where active and email = 'stella@agency.example'")

		unlink := signInUnlinkCommand{serviceAction: serviceAction{service{DataDir: a.DataDir}, someReason}, User: signInStaff}
		require.Contains(t, mustRun(t, unlink), "The link was removed")
		_, err := runCommand(t, unlink)
		require.ErrorContains(t, err, "there is no link to remove")
		_, err = runCommand(t, signInLinkCommand{service: service{DataDir: a.DataDir}, User: signInStaff, ValidFor: "1h", actionFlags: someReason})
		require.ErrorContains(t, err, "so a sign-in link would not work")
	})
	withAddress(t, providerSettings(t, in, at), func(a *process, sight func() *personsBrowser) {
		_, text := sight().signsIn("stella's other")
		require.Contains(t, text, "Stella", "the next sign-in with the address is linked")
		status, text := sight().signsIn("stella")
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, text, "linked to another sign-in")
		status, _ = sight().signsIn("olga")
		require.Equal(t, http.StatusForbidden, status, "the list is now empty")
		a.until(t, 1, "select count(*) from operations_trail where data ->> 'action' = 'sign_in.unlinked' and data -> 'target' ->> 'user' = '"+signInStaff+"'")
	})
}

// The list of withdrawn people ends the sessions of people who signed in at the provider, by each of
// their names, and prevents new ones. The log has the lines that match no one.
func TestWithdrawnListEndsProviderSessions(t *testing.T) {
	at, withdrawn := issuer.Start(t), newFile(t, "withdrawn", "nobody@operators.example\n")
	at.Knows("o-1", map[string]any{"email": "Olga@Operators.example", "email_verified": true})
	at.Knows("a-1", map[string]any{"email": "audrey@auditors.example", "email_verified": true})
	at.Knows("s-1", map[string]any{"email": "stella@agency.example", "email_verified": true})
	settings := providerSettings(t, newStorage(t), at, "operator:olga@operators.example", "auditor:"+signInAgency+":a-1")
	settings.Withdrawn = withdrawn
	var logs ledgertest.Output
	withLog(t, settings, slog.New(slog.NewTextHandler(&logs, nil)), func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		a.appendEntities(t, domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella", Email: "stella@agency.example", Active: true})
		a.until(t, 1, "select count(*) from users where email <> ''")
		write := func(line string) { require.NoError(t, os.WriteFile(withdrawn, []byte(line+"\n"), 0o600)) }
		withdraws := func(subject, line string) {
			t.Helper()
			person, other := sight(), sight()
			for _, b := range []*personsBrowser{person, other} {
				who := subject
				if b == other {
					who = map[bool]string{true: "a-1", false: "o-1"}[subject == "o-1"]
				}
				status, text := b.signsIn(who)
				require.Equal(t, http.StatusOK, status, text)
			}
			write(line)
			ledgertest.Eventually(t, func() bool {
				_, text := person.shows("/console/sessions", nil)
				return strings.Contains(text, "Sign in with your organization")
			}, "%s goes on, withdrawn by %s", subject, line)
			status, text := person.signsIn(subject)
			require.Equal(t, http.StatusForbidden, status, "%s, withdrawn by %s", subject, line)
			require.Contains(t, text, "Your access has ended")
			require.Contains(t, other.opens("/console/sessions", nil), "your organization")
			write("")
			ledgertest.Eventually(t, func() bool { status, _ := person.signsIn(subject); return status == http.StatusOK })
		}
		withdraws("o-1", at.URL+" o-1")
		withdraws("o-1", "olga@operators.example")
		withdraws("a-1", "a-1")
		withdraws("a-1", "Audrey@auditors.example # listed by subject")
		withdraws("s-1", at.URL+" s-1")
		withdraws("s-1", "stella@Agency.example")

		// A token of the main application names the user only by id.
		token, err := settings.sign(signInStaff, signInAgency, []string{"agency"}, time.Now().Add(time.Hour))
		require.NoError(t, err)
		me := func() int {
			return ledgertest.Send(&sight().client, http.MethodGet, atBoards+"/api/me", "", "Authorization: Bearer "+token).Status
		}
		require.Equal(t, http.StatusOK, me())
		write(at.URL + " s-1")
		ledgertest.Eventually(t, func() bool { return me() == http.StatusForbidden })

		require.NotContains(t, logs.String(), "lines=[2")
		write("olga@operators.example\n\nolga@operator.example\no-11 # o-1?\n" + at.URL + "/ o-1\n" + signInNora + "\na-1\n" + signInStaff)
		ledgertest.Eventually(t, func() bool {
			sight().shows("/console/sign-in", nil)
			me()
			return strings.Contains(logs.String(), `lines="[3 4 5 6]"`)
		})
	})
	require.Contains(t, logs.String(), "lines=[1]", "the first list")
}

var linkShown = regexp.MustCompile(`https://[^<]+/console/link/[A-Z2-7]+`)

func (p *personsBrowser) makesLink(user string) string {
	text := p.opens("/console/people/"+user+"/sign-in", url.Values{})
	link := linkShown.FindString(text)
	require.NotEmpty(p.t, link, text)
	at, err := url.Parse(link)
	require.NoError(p.t, err)
	require.Equal(p.t, atBoards, at.Scheme+"://"+at.Host)
	return at.Path
}

// An agency creates links for users of its clients, and for a colleague once; users of other
// agencies are unknown.
func TestAgencyCreatesSignInLinks(t *testing.T) {
	withAddress(t, addressedSettings(newStorage(t)), func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		const foreigner = "c00000000000000000000007"
		a.appendEntities(t,
			domain.DirectoryUser{ID: signInCleo, AccountID: signInClient, Name: "Cleo", Email: "cleo@client.example", Active: true},
			domain.DirectoryUser{ID: signInNora, AccountID: signInAgency, Name: "Nora", Email: "nora@agency.example", Active: true},
			domain.DirectoryUser{ID: foreigner, AccountID: signInForeign, Name: "Fremd", Active: true})
		a.until(t, 5, "select count(*) from users")
		a.until(t, 1, "select count(*) from accounts where id = '"+signInAgency+"'")
		link := func(user string) signInLinkCommand {
			return signInLinkCommand{service: service{DataDir: a.DataDir}, User: user, ValidFor: "24h", actionFlags: someReason, JSON: true}
		}
		for _, nobody := range []string{signInColleague, strings.Repeat("f", 24)} {
			_, err := runCommand(t, link(nobody))
			require.ErrorContains(t, err, "a sign-in link would not work", nobody)
		}
		_, err := runCommand(t, signInLinkCommand{service: service{DataDir: a.DataDir}, User: signInStaff, ValidFor: "24h", Subject: "s", actionFlags: someReason})
		require.ErrorContains(t, err, "no identity provider to link to")
		var first api.SignInLink
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, link(signInStaff))), &first))
		require.Equal(t, signInStaff, first.UserID)
		path, isHere := strings.CutPrefix(first.URL, atBoards)
		require.True(t, isHere, first.URL)
		stella := sight()
		require.Contains(t, stella.opens(path, nil), "Stella")
		require.Contains(t, stella.opens(path, url.Values{}), "agency · <bdi>Agency</bdi>")
		status, _ := sight().shows(path, url.Values{})
		require.Equal(t, http.StatusNotFound, status, "it can be used once")
		require.Contains(t, stella.opens("/console/history?q=dashboard:"+signInClient, nil), "Own Client")

		withdrawn, newer := stella.makesLink(signInCleo), stella.makesLink(signInCleo)
		cleo := sight()
		status, _ = cleo.shows(withdrawn, url.Values{})
		require.Equal(t, http.StatusNotFound, status, "the newer link replaced it")
		text := cleo.opens(newer, url.Values{})
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")

		nora := sight()
		require.Contains(t, nora.opens(stella.makesLink(signInNora), url.Values{}), "agency · <bdi>Agency</bdi>")
		for user, why := range map[string]string{
			signInNora: "has signed in before", signInStaff: "has signed in before", signInColleague: "a sign-in link would not work",
		} {
			text = stella.opens("/console/people/"+user+"/sign-in", url.Values{})
			require.Contains(t, text, why)
			require.Empty(t, linkShown.FindString(text), user)
		}
		foreign := "/console/people/" + foreigner + "/sign-in"
		search := "/console/history?q=dashboard:" + signInForeign // has a form that shows the error
		for path, form := range map[string]url.Values{foreign: nil, foreign + "?": {}, search: nil} {
			status, text = stella.shows(path, form)
			require.Equal(t, path != search, status == http.StatusNotFound, text)
			require.NotContains(t, text, "Fremd")
			require.NotContains(t, text, "Foreign Client")
		}
		require.NotContains(t, stella.opens("/console/history", nil), "Foreign Client")
		a.until(t, 3, "select count(*) from sessions") // sign-ins are recorded

		sessions := func(of string) (list []api.PersonSession) {
			out := mustRun(t, sessionsListCommand{service: service{DataDir: a.DataDir}, User: of, JSON: true})
			require.NoError(t, json.Unmarshal([]byte(out), &list))
			return list
		}
		require.Len(t, sessions(""), 3)
		cleos := sessions(signInCleo)
		require.Len(t, cleos, 1)
		require.Equal(t, []string{signInCleo, "client", "link"}, []string{cleos[0].UserID, cleos[0].Role, cleos[0].Way})
		end := sessionsEndCommand{serviceAction: serviceAction{service{DataDir: a.DataDir}, someReason}, ID: cleos[0].ID}
		require.Contains(t, mustRun(t, end), "was ended")
		_, err = runCommand(t, end)
		require.ErrorContains(t, err, "does not exist or has ended")
		require.Empty(t, sessions(signInCleo))
		require.Len(t, sessions(""), 2)
		_, err = a.KeptPool.Exec(t.Context(), `
			insert into sessions (digest, id, user_id, account_id, role, way, begun_at, seen_at, expires_at)
			select sha256(n::text::bytea), 'id-' || n, user_id, account_id, role, way, begun_at - interval '1 minute' * (n / 2), seen_at, expires_at
			from sessions, generate_series(1, 600) n where user_id = $1`, signInStaff)
		require.NoError(t, err)
		require.Len(t, sessions(""), 602, "all pages")
		require.Len(t, sessions(signInStaff), 601)
		a.until(t, 1, "select count(*) from operations_trail where data ->> 'action' = 'session.ended' and data -> 'target' ->> 'user' = '"+signInCleo+"'")
		a.until(t, 2, `select count(distinct data -> 'target' ->> 'user') from operations_trail where data ->> 'action' = 'sign_in_link.made'
			and role = 'agency' and actor = '`+signInStaff+`' and data -> 'target' ->> 'user' in ('`+signInCleo+`', '`+signInNora+`')`)
	})
}

func TestSignInLinkValidityIsLimited(t *testing.T) {
	t.Parallel()
	for _, validFor := range []string{"14m", "169h", "soon"} {
		c := signInLinkCommand{User: signInStaff, ValidFor: validFor}
		requireUsageError(t, c, `--valid-for "`+validFor+`": must be a duration from 15m to 168h (7 days)`)
	}
}
