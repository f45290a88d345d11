package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// people is a directory with the users that a test sets; the zero value is empty.
type people struct {
	mu     sync.Mutex
	status domain.UserStatus
	err    error
	asked  int
	gate   chan struct{} // nil: nobody waits
}

func (p *people) set(s domain.UserStatus, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.err = s, err
}

func (p *people) UserStatus(context.Context, string, string) (domain.UserStatus, error) {
	p.mu.Lock()
	p.asked++
	gate := p.gate
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status, p.err
}

const accessEnded = "Your access has ended. Ask your agency."

func TestCallerAccessByUserStatus(t *testing.T) {
	t.Parallel()
	staff, ofClient := statusIn(agency), statusIn(client1)
	change := func(s domain.UserStatus, f func(*domain.UserStatus)) domain.UserStatus { f(&s); return s }
	nobody := domain.UserStatus{AccountKnown: true, AccountActive: true}
	as := func(account string, roles ...api.Role) api.Principal {
		return api.Principal{UserID: alice, AccountID: account, Roles: roles}
	}
	byAgency, byClient := as(agency, api.RoleAgency), as(client1, api.RoleClient)
	for name, test := range map[string]struct {
		who       api.Principal
		withdrawn bool
		status    domain.UserStatus
		// whether the caller may come in where all must be known, and where unknown users are
		// allowed
		known, allowed bool
	}{
		"staff":                          {who: byAgency, status: staff, known: true, allowed: true},
		"a client's user":                {who: byClient, status: ofClient, known: true, allowed: true},
		"staff who audits too":           {who: as(agency, api.RoleAuditor, api.RoleAgency), status: staff, known: true, allowed: true},
		"withdrawn":                      {who: byAgency, withdrawn: true, status: staff},
		"inactive":                       {who: byAgency, status: change(staff, func(s *domain.UserStatus) { s.Active = false })},
		"inactive, who audits too":       {who: as(agency, api.RoleAuditor, api.RoleAgency), status: change(staff, func(s *domain.UserStatus) { s.Active = false })},
		"a client's, inactive":           {who: byClient, status: change(ofClient, func(s *domain.UserStatus) { s.Active = false })},
		"moved":                          {who: byClient, status: change(ofClient, func(s *domain.UserStatus) { s.Account = client2 })},
		"account inactive":               {who: byClient, status: change(ofClient, func(s *domain.UserStatus) { s.AccountActive = false })},
		"agency with a client's account": {who: as(client1, api.RoleAgency), status: ofClient},
		"client with an agency's":        {who: as(agency, api.RoleClient), status: staff},
		"both, with an agency's":         {who: as(agency, api.RoleAgency, api.RoleClient), status: staff},
		"erased":                         {who: byAgency, status: change(nobody, func(s *domain.UserStatus) { s.Erased = true })},
		"erased, and there again":        {who: byAgency, status: staff, known: true, allowed: true},
		"unknown":                        {who: byAgency, status: nobody, allowed: true},
		"unknown, account inactive":      {who: byAgency, status: change(nobody, func(s *domain.UserStatus) { s.AccountActive = false })},
		"unknown, demoted":               {who: as(client1, api.RoleAgency), status: change(nobody, func(s *domain.UserStatus) { s.SubAccount = true })},
		"nothing is known":               {who: byClient, allowed: true},
		"account unknown":                {who: byAgency, status: change(staff, func(s *domain.UserStatus) { s.AccountKnown, s.AccountActive = false, false }), allowed: true},
		"an auditor need not be known":   {who: as(agency, api.RoleAuditor), known: true, allowed: true},
		"an operator need not be known":  {who: as("", api.RoleOperator), known: true, allowed: true},
		"nor a main application":         {who: as("", api.RoleMainApp), known: true, allowed: true},
		"a withdrawn main application":   {who: as("", api.RoleMainApp), withdrawn: true},
		"both of them":                   {who: as(agency, api.RoleAuditor, api.RoleOperator), known: true, allowed: true},
		"a withdrawn auditor":            {who: as(agency, api.RoleAuditor), withdrawn: true},
		"a withdrawn operator":           {who: as("", api.RoleOperator), withdrawn: true},
		"an unknown role is a person's":  {who: as(agency, "something-new"), allowed: true},
	} {
		require.Equal(t, test.known, api.WhyRefused(test.who, test.withdrawn, test.status, false) == "", "%s, all must be known", name)
		require.Equal(t, test.allowed, api.WhyRefused(test.who, test.withdrawn, test.status, true) == "", "%s, unknown users are allowed", name)
	}
}

// A burst of requests is one query. A status is used for a second, and for longer while the
// directory is unavailable.
func TestUserStatusIsCachedForOneSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		known := &people{status: statusIn(agency), gate: make(chan struct{})}
		admit, _ := api.Admitting(api.Deps{People: known, Logger: ledgertest.Quiet})
		staff := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}
		var burst sync.WaitGroup
		for range 50 {
			burst.Go(func() { require.NoError(t, admit(t.Context(), staff)) })
		}
		synctest.Wait()
		known.mu.Lock()
		close(known.gate)
		known.gate = nil
		known.mu.Unlock()
		burst.Wait()
		require.Equal(t, 1, known.asked)

		known.set(domain.UserStatus{}, nil)
		time.Sleep(999 * time.Millisecond)
		require.NoError(t, admit(t.Context(), staff), "what was answered a moment ago")
		time.Sleep(time.Millisecond)
		require.ErrorContains(t, admit(t.Context(), staff), accessEnded)
		require.Equal(t, 2, known.asked)

		away := errors.New("the database is away")
		known.set(statusIn(agency), nil)
		time.Sleep(time.Second)
		require.NoError(t, admit(t.Context(), staff))
		known.set(domain.UserStatus{}, away)
		time.Sleep(59 * time.Second)
		require.NoError(t, admit(t.Context(), staff), "the last answer holds")
		other := staff
		other.UserID = bob
		require.ErrorIs(t, admit(t.Context(), other), away, "nobody was asked about this one")
		time.Sleep(time.Second)
		require.ErrorIs(t, admit(t.Context(), staff), away, "and not for ever")
	})
}

func TestUserStatusCacheIsBounded(t *testing.T) {
	t.Parallel()
	known := &people{status: statusIn(agency)}
	admit, remembered := api.Admitting(api.Deps{People: known, Logger: ledgertest.Quiet})
	for i := range 10_050 {
		require.NoError(t, admit(t.Context(), api.Principal{UserID: strconv.Itoa(i), AccountID: agency, Roles: api.Roles{api.RoleAgency}}))
		require.LessOrEqual(t, remembered(), 10_000)
	}
	require.Equal(t, 10_050, known.asked)
}

func TestWithdrawnSubjectsFileIsReloadedAndEnforced(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "withdrawn")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	var logs ledgertest.Output
	logger := slog.New(slog.NewTextHandler(&logs, nil))
	_, err := api.OpenWithdrawnSubjects(file, logger)
	require.ErrorContains(t, err, file)
	for text, fault := range map[string]string{
		"# nobody\n" + alice + " " + bob + "\n":         "line 2 of " + file,
		"main-app f3c1a7de-0000-4000-8000-000000000000": "line 1", // an issuer is a URL
	} {
		write(text)
		_, err = api.OpenWithdrawnSubjects(file, logger)
		require.ErrorContains(t, err, fault)
	}
	none, err := api.OpenWithdrawnSubjects("", nil)
	require.NoError(t, err)
	require.False(t, none.Has(alice))

	const left = "# who left\n\nA11CE0000000000000000000 # in May\n  ops@example.org\r\n"
	const guest, olga = "an_ext.example#EXT#@north.example", "f3c1a7de-0000-4000-8000-000000000000"
	known := statusIn(agency)
	known.Email = "Anna@Agency.example"
	for _, c := range []struct {
		text, subject, role string
		refused             bool
	}{
		{left, alice, "agency", true},
		{left, alice, "auditor", true},
		{left, alice, "operator", true},
		{left, bob, "agency", false},
		{left, bob, "operator", false},
		{left, "ops@example.org", "operator", true},
		{left, "OPS@example.org", "operator", true}, // case does not count in addresses
		{left, "ops2@example.org", "operator", false},
		{alice + "#left in May\n", alice, "agency", true},  // an id ends at a #
		{"\ufeff" + alice + "\r\n", alice, "agency", true}, // an editor may begin the file with a byte order mark
		{guest + " # a guest", guest, "operator", true},
		{guest + " # a guest", "an_ext.example", "operator", false},
		{olga, olga, "operator", true},
		{"olga@ops.example", olga, "operator", true},
		{"https://id.example " + olga + " # another issuer", olga, "operator", false},
		{"anna@agency.EXAMPLE", alice, "agency", true}, // the address in the directory
		{"nna@agency.example", alice, "agency", false},
	} {
		write(c.text)
		withdrawn, err := api.OpenWithdrawnSubjects(file, logger)
		require.NoError(t, err)
		b := setup(t, func(d *api.Deps) {
			d.Withdrawn, d.Operators, d.People = withdrawn, &apitest.Operators{}, &people{status: known}
		})
		b.views[agency+"/"+client1] = view(client1, 3)
		path := map[bool]string{true: "/api/ops/projections", false: dashboardPath + client1}[c.role == "operator"]
		status := map[bool]int{true: http.StatusForbidden, false: http.StatusOK}[c.refused]
		answer := b.get(path, b.token(agency, c.role, map[string]any{"sub": c.subject, "email": "Olga@Ops.example"}))
		require.Equal(t, status, answer.Status, "%+v", c)
	}
	write(left)

	synctest.Test(t, func(t *testing.T) { // a second later each time
		before := logs.String()
		withdrawn, err := api.OpenWithdrawnSubjects(file, logger)
		require.NoError(t, err)
		has := func(alices, bobs bool) {
			t.Helper()
			time.Sleep(time.Second)
			require.Equal(t, []bool{alices, bobs}, []bool{withdrawn.Has(alice), withdrawn.Has(bob)})
		}
		has(true, false)
		write(bob)
		require.False(t, withdrawn.Has(bob))
		has(false, true)
		require.NoError(t, os.Remove(file))
		has(false, true) // the last list holds
		has(false, true)
		write("") // it can be read again
		has(false, false)
		require.Equal(t, 1, strings.Count(strings.TrimPrefix(logs.String(), before), "\n"), "told of once")
	})
}

// The reason of each refusal is in the log, at most one line per reason in ten seconds, and never a
// token.
func TestRefusedCallersAreLogged(t *testing.T) {
	t.Parallel()
	var logs ledgertest.Output
	synctest.Test(t, func(t *testing.T) {
		other := errors.New("the session store of the main application has no such session")
		var app error
		known := &people{status: statusIn(agency)}
		b := setup(t, func(d *api.Deps) {
			d.People, d.Logger = known, slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
			tokens := d.Authenticator
			d.Authenticator = api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
				if app != nil {
					return api.Principal{}, app
				}
				return tokens.Authenticate(r)
			})
		})
		b.views[agency+"/"+client1] = view(client1, 3)
		get := func(token string, status int) string {
			t.Helper()
			before := len(logs.String())
			b.get(dashboardPath+client1, token).Says(t, status)
			return logs.String()[before:]
		}
		foreign := b.token(agency, "agency", map[string]any{"aud": "account"})
		line := get(foreign, http.StatusUnauthorized)
		for _, part := range []string{"caller refused", "claim=aud", "expected=", "came=[account]", "refusals=1"} {
			require.Contains(t, line, part)
		}
		require.NotContains(t, line, strings.Split(foreign, ".")[1])
		require.Contains(t, get(b.token("none", "agency"), http.StatusUnauthorized), "claim=account_id", "another reason")
		for range 5 {
			require.Empty(t, get(foreign, http.StatusUnauthorized), "reported a moment ago")
		}
		time.Sleep(10 * time.Second)
		require.Contains(t, get(foreign, http.StatusUnauthorized), "refusals=6")
		require.Empty(t, get("", http.StatusUnauthorized), "no token")
		require.Empty(t, get(b.agencyToken(), http.StatusOK))
		known.set(domain.UserStatus{Known: true}, nil)
		time.Sleep(2 * time.Second)
		require.Contains(t, get(b.agencyToken(), http.StatusForbidden), `why="not active"`)
		app = other
		require.Contains(t, get("", http.StatusUnauthorized), other.Error())
	})
}

// cutWithin is the bound of REQUIREMENTS §2.
const cutWithin = 10 * time.Second

// With production intervals, at any time at which access ends: because of the cache, a stream may
// pass one more check.
func TestStreamEndsWithinTenSecondsAfterAccessEnds(t *testing.T) {
	t.Parallel()
	const apart = 500 * time.Millisecond
	for _, path := range []string{"/api/live", "/api/notices"} {
		var latest time.Duration
		for leaves := apart; leaves <= 10*time.Second; leaves += apart {
			synctest.Test(t, func(t *testing.T) {
				known := &people{status: statusIn(agency)}
				b := setup(t, func(d *api.Deps) { d.People, d.Streams = known, quietHub(t) })
				b.now = time.Now() // streams end with their tokens
				token := b.agencyToken()
				b.views[agency+"/"+client1] = view(client1, 3)
				w, ended := httptest.NewRecorder(), make(chan struct{})
				go func() {
					defer close(ended)
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
					r.Header.Set("Authorization", "Bearer "+token)
					b.server.ServeHTTP(w, r)
				}()
				time.Sleep(leaves)
				require.Equal(t, http.StatusOK, b.get(dashboardPath+client1, token).Status, "the answer that is remembered is fresh")
				known.set(domain.UserStatus{}, nil)
				left := time.Now()
				<-ended
				latest = max(latest, time.Since(left))
				require.Contains(t, w.Body.String(), ": This listener has lost its access.")
			})
		}
		require.LessOrEqual(t, latest, cutWithin, path)
		require.Greater(t, latest, 8*time.Second, "%s: the worst instant was tried", path)
	}
}

// The stream of a rebuild's progress ends when its operator is withdrawn.
func TestRebuildStreamEndsWhenOperatorIsWithdrawn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "withdrawn")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	withdrawn, err := api.OpenWithdrawnSubjects(file, ledgertest.Quiet)
	require.NoError(t, err)
	b := setup(t, func(d *api.Deps) {
		d.Withdrawn = withdrawn
		d.Operators = &apitest.Operators{Builds: []operator.Generation{{ID: "x.g1", State: "building"}}} // it never ends
	})
	base := b.serve()
	s := b.listen(base+"/api/ops/generations/x.g1/events", b.token("", "operator", map[string]any{"account_id": nil}))
	require.NotEmpty(t, s.next("generation"))
	require.NoError(t, os.WriteFile(file, []byte(alice), 0o600))
	for s.next("generation") != "" {
	}
	require.NoError(t, s.lines.Err(), "the stream has ended by itself")
}

// An error of the main application means "not signed in"; it is not logged as a failure and is not
// disclosed.
func TestAuthenticatorErrorsMapTo401Or503(t *testing.T) {
	t.Parallel()
	var fault error
	var log bytes.Buffer
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Authenticator = api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return api.Principal{}, fault })
		d.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	for name, c := range map[string]struct {
		fault  error
		status int
	}{
		"ordinary":     {errors.New("session 7f3a not found in table sessions"), http.StatusUnauthorized},
		"its own 401":  {fmt.Errorf("look up: %w", domain.NewError(domain.CodeUnauthenticated, "Sign in first.")), http.StatusUnauthorized},
		"cannot judge": {domain.NewError(domain.CodeUnavailable, "The sign-in service is away."), http.StatusServiceUnavailable},
		"too late":     {fmt.Errorf("look up: %w", context.DeadlineExceeded), http.StatusServiceUnavailable},
	} {
		fault = c.fault
		answer := b.get("/api/projects/dashboard/"+client1, "")
		require.Equal(t, c.status, answer.Status, name)
		answer.Lacks(t, "7f3a", "look up")
		if c.status == http.StatusUnauthorized {
			require.NotEmpty(t, answer.Header.Get("WWW-Authenticate"))
			require.Equal(t, c.status, b.get("/api/live", "").Status, "an EventSource gives up")
		}
	}
	require.NotContains(t, log.String(), "level=ERROR")
}

func TestAuthorizationHeaderFormats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.agencyToken()
	for header, says := range map[string]string{
		"":               "The request has no token",
		"Bearer":         "Bearer <token>",
		"Basic dTpw":     "Bearer <token>",
		"Bearer a b":     "Bearer <token>",
		good:             "Bearer <token>",
		"Bearer " + good: "",
		"bearer " + good: "",
	} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization: " + header}
		}
		answer := b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", headers...)
		if says == "" {
			require.Equal(t, http.StatusOK, answer.Status)
			continue
		}
		require.Equal(t, http.StatusUnauthorized, answer.Status, header)
		require.Contains(t, answer.Failure(t).Message, says)
		require.Contains(t, answer.Header.Get("WWW-Authenticate"), "Bearer")
	}
	b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "Authorization: Bearer "+good, "Authorization: Bearer x").Says(t, http.StatusUnauthorized)
}

// pathOf fills a pattern with well-formed parameters.
func pathOf(pattern string) string {
	return strings.NewReplacer(
		"{sub_account_id}", client1, "{startTime}", "2026-01-01", "{endTime}", "2026-01-31", "{pId}", "all", "{cId}", "all",
		"{memberId}", "7", "{accountId}", "11", "{fromDate}", "2026-01-01", "{toDate}", "2026-01-31", "*", "",
	).Replace(pattern)
}

func TestRolesOfATokenCombine(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Operators = &apitest.Operators{} })
	b.views[agency+"/"+client1] = view(client1, 3)
	token := b.token(agency, []string{"auditor", "operator"})
	require.Equal(t, http.StatusOK, b.get("/api/projects/dashboard/"+client1, token).Status)
	require.Equal(t, http.StatusForbidden, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).Status)
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "operator")).Status,
		"an operator has no tenant, whatever its token says")
	token = b.token(agency, []string{"auditor", "agency", "something-new"})
	require.Equal(t, http.StatusOK, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).Status)
	b.ask(http.MethodPost, "/api/ops/dead-letters/dashboards-3-1/retry", `{"reason":"test"}`, "Authorization: Bearer "+token).Says(t, http.StatusForbidden) // operators alone operate
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "something-new")).Status)
}

func TestPrincipalOfMainAppIsNormalizedAndValidated(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Authenticator = api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
			return api.Principal{
				UserID: strings.ToUpper(alice), AccountID: r.Header.Get("X-Account"), Roles: api.Roles{api.RoleAgency},
				ExpiresAt: time.Time{},
			}, nil
		})
	})
	b.views[agency+"/"+client1] = view(client1, 3)
	b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: "+strings.ToUpper(agency)).Says(t, http.StatusOK) // lower-cased, regardless of what verified them
	b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: 17").Says(t, http.StatusUnauthorized)
}

// A token that the verifier refuses is refused everywhere: requests, event streams, Socket.IO. Package
// bearer tests which ones it refuses.
func TestInvalidTokenIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	b.views[agency+"/"+client1] = view(client1, 3)
	base := b.serve()
	good, foreign := b.token(client1, "client"), b.token(client1, "client", map[string]any{"iss": "evil"})
	require.NotNil(t, (&matrixCase{t: t, b: b, url: base, token: good}).connect(""), "Socket.IO lets a good token in")
	b.get(dashboardPath+client1, good).Says(t, http.StatusOK)
	answer := b.get(dashboardPath+client1, foreign).Says(t, http.StatusUnauthorized)
	for _, path := range []string{"/api/live", "/api/notices"} {
		status, _, _ := firstLines(t, base+path, "Authorization: Bearer "+foreign)
		require.Equal(t, http.StatusUnauthorized, status, path)
	}
	require.Nil(t, (&matrixCase{t: t, b: b, url: base, token: foreign}).connect(answer.Failure(t).Message), "Socket.IO")
}

// While outdated lists decide whose access has ended, readiness and a metric say so.
func TestReadinessReportsOutdatedAccessLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "withdrawn")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		withdrawn, err := api.OpenWithdrawnSubjects(file, ledgertest.Quiet)
		require.NoError(t, err)
		known, registry := &people{}, prometheus.NewRegistry()
		active := domain.UserStatus{Known: true, Active: true, Account: agency, AccountKnown: true, AccountActive: true}
		known.set(active, nil)
		b := setup(t, func(d *api.Deps) { d.People, d.Withdrawn, d.Registerer = known, withdrawn, registry })
		b.views[agency+"/"+client1] = view(client1, 3)
		token := b.agencyToken()
		shows := func(why string) {
			t.Helper()
			ready := b.get("/readyz?for=writes", "").Says(t, http.StatusOK)
			require.Equal(t, why != "", strings.Contains(ready.Body, `"status":"degraded"`), ready.Body)
			require.Contains(t, ready.Body, why)
			require.InDelta(t, map[bool]float64{true: 1}[why != ""], ledgertest.Metrics(t, registry)["ledgerboard_access_lists_outdated"], 0)
		}
		asks := func() {
			t.Helper()
			time.Sleep(2 * time.Second)
			require.Equal(t, http.StatusOK, b.get(dashboardPath+client1, token).Status)
		}
		asks()
		shows("")
		known.set(active, errPasses)
		asks()
		shows(`"people_old"`)
		known.set(active, nil)
		time.Sleep(2 * time.Minute)
		shows("")
		require.NoError(t, os.Remove(file))
		time.Sleep(time.Second)
		shows(`"withdrawn_old"`)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		time.Sleep(time.Second)
		shows("")
	})
}
