package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// atBoards is where browsers find the service; elsewhere they go where they are sent.
const atBoards = "https://boards.test"

// leadingTo leads requests for [atBoards] to where the service listens, as TLS before it would.
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

// withProvider runs the service with an identity provider while use does something with it; sight is a new browser's.
func withProvider(t *testing.T, dir string, at *issuer.Issuer, staff []string, use func(a *process, sight func() *personsBrowser)) {
	t.Helper()
	at.Returns(atBoards + "/console/signin/callback")
	settings := addressedSettings(dir)
	settings.signingIn = signingIn{OIDCIssuer: at.URL, OIDCClientID: issuer.ClientID, OIDCClientSecret: issuer.ClientSecret, OIDCStaff: staff}
	require.Empty(t, settings.signingIn.validate(settings.PublicURL))
	withAddress(t, settings, use)
}

// addressedSettings are those of a service that knows its own address.
func addressedSettings(dir string) settings {
	settings := eraseSettings(dir)
	settings.PublicURL, settings.SecretsKey = atBoards, fetchKey
	settings.GrowthWindow, settings.AccountInsightsInterval = 168*time.Hour, 12*time.Hour
	return settings
}

// withAddress runs the service while use does something with it; sight is a new browser's.
func withAddress(t *testing.T, settings settings, use func(a *process, sight func() *personsBrowser)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a, err := settings.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = a.run(ctx, "127.0.0.1:0", func(_ context.Context, base string) error {
		defer stop()
		require.Eventually(t, func() bool { return a.Monitor.MayCommand() == nil }, patience, 10*time.Millisecond)
		use(a, func() *personsBrowser {
			b := newPersonsBrowser(t, atBoards)
			b.client.Transport = leadingTo{base}
			return b
		})
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

// signsIn goes to the provider, and comes back as somebody.
func (b *personsBrowser) signsIn(as string) (status int, text string) {
	b.t.Helper()
	var at string
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/authorize") {
			at = r.URL.String()
		}
		return nil
	}
	status, text = b.shows("/console/signin/start", nil)
	require.Equal(b.t, http.StatusOK, status, text)
	require.Contains(b.t, text, "Who are you?")
	base := b.base
	b.base = ""
	defer func() { b.base = base }()
	return b.shows(at+"&as="+url.QueryEscape(as), nil)
}

func tells(t *testing.T, a *process, entities ...domain.DirectoryEntity) {
	t.Helper()
	for _, entity := range entities {
		require.NoError(t, a.Log.Append(t.Context(), commands.EntityDraft(entity, time.Now())))
	}
}

// refusedFor is how many sign-ins were refused for a reason, by the metric.
func (p *process) refusedFor(t *testing.T, why string) (n float64) {
	t.Helper()
	families, err := p.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "ledgerboard_sign_ins_refused_total" && label.GetName() == "why" && label.GetValue() == why {
					n += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

const (
	signInTwin, signInNora      = "5a0000000000000000000003", "5a0000000000000000000004"
	signInCleo, signInOtherTwin = "c00000000000000000000005", "c00000000000000000000006"
)

// The whole way over a provider, log and tables: who is let in, as what, who is not, and why.
func TestTheProviderSignsInToTheConsole(t *testing.T) {
	dir, at := t.TempDir(), issuer.Start(t)
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
	at.Knows("auditor-7", map[string]any{"ledgerboard_roles": []string{"auditor", "agency"}})
	staff := []string{"operator:olga@operators.example", "auditor:" + signInAgency + ":auditor-7", "operator:auditor-7"}
	withProvider(t, dir, at, staff, func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		stella := domain.DirectoryUser{ID: signInStaff, AccountID: signInAgency, Name: "Stella", Email: "stella@Agency.example", Active: true}
		tells(t, a, stella,
			domain.DirectoryUser{ID: signInColleague, AccountID: signInAgency, Name: "Gone", Email: "gone@agency.example"},
			domain.DirectoryUser{ID: signInNora, AccountID: signInAgency, Name: "Nora", Email: "nora@agency.example", Active: true},
			domain.DirectoryUser{ID: signInTwin, AccountID: signInAgency, Name: "Twin", Email: "twin@agency.example", Active: true},
			domain.DirectoryUser{ID: signInOtherTwin, AccountID: signInForeign, Name: "Twin", Email: "TWIN@agency.example", Active: true},
			domain.DirectoryUser{ID: signInCleo, AccountID: signInClient, Name: "Cleo", Email: "cleo@client.example", Active: true},
			domain.DirectoryUser{ID: "5a0000000000000000000007", AccountID: signInAgency, Name: "Kim", Email: "kim@agency.example", Active: true})
		require.Eventually(t, func() bool {
			return a.countsOf(t, "select count(*) from users where email <> ''") == 7
		}, patience, 10*time.Millisecond)

		for as, want := range map[string]string{
			"nobody": "it was cancelled there", "nora": "has not verified your e-mail address", "twin": "several people",
			"gone": "No one with your e-mail address", "stranger": "No one with your e-mail address", "kelvin": "No one with your e-mail address",
		} {
			status, text := sight().signsIn(as)
			require.Equal(t, http.StatusForbidden, status, as)
			require.Contains(t, text, want, as)
		}
		require.Zero(t, a.countsOf(t, "select count(*) from kept.identities")+a.countsOf(t, "select count(*) from kept.sessions"))

		b := sight()
		status, text := b.signsIn("stella")
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, "agency · Agency")
		_, text = sight().signsIn("cleo")
		require.Contains(t, text, "Cleo")
		require.Contains(t, text, "client")
		_, text = sight().signsIn("olga")
		require.Contains(t, text, "operator")
		_, text = sight().signsIn("auditor-7")
		require.Contains(t, text, "auditor · Agency")
		require.NotContains(t, text, "/console/ops", "the provider leaves it one role of two")
		for range 2 {
			status, text = sight().signsIn("stella's other")
			require.Equal(t, http.StatusForbidden, status)
			require.Contains(t, text, "linked to another sign-in")
		}
		require.Eventually(t, func() bool {
			return a.countsOf(t, "select count(*) from sessions where user_id in ('"+signInStaff+"', '"+signInCleo+"')") == 2
		}, patience, 10*time.Millisecond, "sign-ins are on record")
		require.InDelta(t, 2, a.refusedFor(t, "linked"), 0)

		stella.Email = "new@agency.example"
		tells(t, a, stella)
		require.Eventually(t, func() bool {
			return a.countsOf(t, "select count(*) from users where email = 'new@agency.example'") == 1
		},
			patience, 10*time.Millisecond)
		_, text = sight().signsIn("stella")
		require.Contains(t, text, "Stella", "she is found by her subject, whatever her address")

		stella.Active = false
		tells(t, a, stella)
		deadline := time.Now().Add(patience)
		for status = http.StatusOK; status != http.StatusForbidden; time.Sleep(50 * time.Millisecond) {
			status, text = b.shows("/console/history", nil)
			require.True(t, time.Now().Before(deadline), "the session goes on: %d %s", status, text)
		}
		status, text = sight().signsIn("stella")
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, text, "Your access has ended")
		stella.Active, stella.Email = true, "stella@agency.example"
		tells(t, a, stella)
		require.Eventually(t, func() bool {
			return a.countsOf(t, "select count(*) from users where active and email = 'stella@agency.example'") == 1
		},
			patience, 10*time.Millisecond)
	})

	var out bytes.Buffer
	unlink := signInUnlinkCommand{
		storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, User: signInStaff, actionFlags: actionFlags{Yes: true, Reason: "test"},
	}
	require.NoError(t, unlink.Run(t.Context(), streams{Out: &out, Err: &out}))
	require.Contains(t, out.String(), "The link is off")
	require.ErrorContains(t, unlink.Run(t.Context(), streams{Out: &out, Err: &out}), "there is nothing to take off")
	withProvider(t, dir, at, nil, func(a *process, sight func() *personsBrowser) {
		_, text := sight().signsIn("stella's other")
		require.Contains(t, text, "Stella", "the next one of the address is linked")
		status, text := sight().signsIn("stella")
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, text, "linked to another sign-in")
		status, _ = sight().signsIn("olga")
		require.Equal(t, http.StatusForbidden, status, "the list is empty now")
		require.Eventually(t, func() bool {
			return a.countsOf(t, "select count(*) from operations_trail where data ->> 'action' = 'sign_in.unlinked' and data -> 'target' ->> 'user' = '"+signInStaff+"'") >= 1
		}, patience, 10*time.Millisecond)
	})
}

func TestSigningInSettings(t *testing.T) {
	t.Parallel()
	whole := signingIn{OIDCIssuer: "https://id.example", OIDCClientID: "a", OIDCClientSecret: "b", OIDCStaff: []string{"operator:x"}}
	require.Empty(t, whole.validate(atBoards))
	require.Empty(t, signingIn{}.validate(""))
	for name, c := range map[string]struct {
		change func(*signingIn) string
		want   string
	}{
		"no issuer":     {func(s *signingIn) string { s.OIDCIssuer = ""; return atBoards }, "LEDGERBOARD_OIDC_ISSUER is not set"},
		"a plain one":   {func(s *signingIn) string { s.OIDCIssuer = "http://id.example"; return atBoards }, "must begin with https://"},
		"no secret":     {func(s *signingIn) string { s.OIDCClientSecret = ""; return atBoards }, "LEDGERBOARD_OIDC_CLIENT_SECRET: both are needed"},
		"no public URL": {func(*signingIn) string { return "" }, "LEDGERBOARD_PUBLIC_URL is not set"},
		"a wrong list":  {func(s *signingIn) string { s.OIDCStaff = []string{"king:x"}; return atBoards }, "LEDGERBOARD_OIDC_STAFF"},
	} {
		s := whole
		public := c.change(&s)
		wrong := s.validate(public)
		require.ErrorContains(t, wrong.err(), c.want, name)
	}
	err := signInLinkCommand{User: signInStaff, Issuer: "https://id.example"}.Run(t.Context(), streams{})
	require.ErrorContains(t, err, "links sign nobody in")
	err = signInUnlinkCommand{User: "Stella"}.Run(t.Context(), streams{})
	require.ErrorContains(t, err, "--user")
}
