package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const folk = "/console/clients/" + bakery + "/people"

// views are the recorded views of the history and of the pages of others.
func (r *real) views() (all []domain.Recorded) {
	r.t.Helper()
	for _, record := range r.log.Records(domain.TopicOperations) {
		view, err := r.log.Decode(record)
		require.NoError(r.t, err)
		all = append(all, view)
	}
	return all
}

func TestClientPeoplePageShowsVisibleBoards(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	const ben = "be0000000000000000000001"
	r.log.Put(t, domain.DirectoryUser{ID: ben, AccountID: bakery, Name: "Ben Holm", Active: true},
		domain.DirectorySession{ID: "S1", UserID: ben, LoginAt: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)})
	r.share(t, bakery, []string{mill}, clara, jonas)
	b.get(folk).says(http.StatusOK, "Harbour Bakery, Old Mill", "nothing: not on the list", "of Old Mill", `data-label="Last sign-in"><span class="quiet">never<`, `data-label="Last sign-in"><time datetime="2026-10-01`, "View as Clara Holm",
		`href="/console/clients/`+mill+`/people/`+jonas+`/sees"`)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.get(folk).says(http.StatusOK, "no one at Harbour Bakery can open it", "nothing: the board is closed").lacks("View as Clara Holm")
}

func TestAddPersonFormAddsOnePerson(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	text := b.get(folk).Body.String()
	require.Contains(t, text, `method="post" novalidate>`, "a browser would report one field at a time")
	form := fields(t, text)
	form.Set("name", "Nina Park")
	form.Set("email", "nina@bakery.example.com")
	records := len(r.log.Records(domain.TopicDirectory))
	added := b.post(folk, form).Header().Get("Location")
	require.Regexp(t, "^"+folk+`\?added=[0-9a-f]{24}$`, added)
	b.post(folk, form).leadsTo(added)
	require.Len(t, r.log.Records(domain.TopicDirectory), records+1, "the form adds one person")
	b.get(added).says(http.StatusOK, "Nina Park was added.", "To let Nina Park open the board, ")
	require.NotContains(t, b.get(folk+"?added="+clara).Body.String(), "was added", "she is on the list")

	again := fields(t, b.get(folk).Body.String())
	again.Set("name", "Nina Parker")
	again.Set("email", "nina@bakery.example.com")
	taken := b.post(added, again).says(http.StatusOK, "already has this address", `value="Nina Parker"`).lacks("was added")
	require.NotEqual(t, again.Get("key"), fields(t, taken.Body.String()).Get("key"), "a corrected form is another request")

	again.Set("email", "parker@bakery.example.com")
	r.log.Fail(errors.New("the connection is lost"))
	open := b.post(folk, again).says(http.StatusOK, "may still take effect", `value="Nina Parker"`)
	require.Equal(t, again.Get("key"), fields(t, open.Body.String()).Get("key"), "the person may have been added")
	r.log.Fail(nil)

	b.post(folk, url.Values{"name": {" "}, "email": {"nina"}, "phone": {"1\n2"}, "key": {"k"}}).
		says(http.StatusOK, "Enter a name on one line", "Enter an address like", "Enter a number on one line", `value="nina"`)
}

// Viewing as a client user shows the user's own pages, read-only, with a banner, and only if the
// view is recorded.
func TestViewAsClientUser(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.share(t, bakery, []string{mill}, clara)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Scopes: &[]string{"posts"}})
	boards := len(r.log.Records(domain.TopicDashboards))
	sees := folk + "/" + clara + "/sees"
	b.get(sees).says(http.StatusOK, "What Clara Holm sees", "You are viewing this page as <strong>Clara Holm</strong>", "This view is recorded", "Old Mill", `href="`+sees+"/"+bakery+`"`)
	b.get(sees+"/"+bakery).says(http.StatusOK, "You are viewing this page as <strong>Clara Holm</strong>", "shows no figures on this board", "Alice").
		lacks("data-board") // only the client user is notified of the closing
	views := r.views()
	require.Len(t, views, 2)
	for i, view := range views {
		require.Equal(t, domain.AuditRead{What: domain.AuditAsUser, Dashboard: []string{"", bakery}[i], Filter: domain.AuditFilter{User: clara}}, view.Data)
		require.Equal(t, alice, view.Envelope.Audit.Actor)
	}
	require.Len(t, r.log.Records(domain.TopicDashboards), boards, "a view changes nothing")

	// A board that is not open to the person is shown as the person sees it.
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Unlink: true, SubAccountIDs: &[]string{}})
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.get(sees+"/"+bakery).says(http.StatusForbidden, "You are viewing this page as <strong>Clara Holm</strong>", "This board is not open to you", "You have no access to this dashboard.",
		`href="`+sees+`">Go to the start page`)
	b.get(sees+"/"+mill).says(http.StatusNotFound, "This board is not open to you", "There is no such board, or you do not have access to it.").
		lacks("no such client", "Old Mill")
	const gone = "c1a4a0000000000000000009"
	r.log.Put(t, domain.DirectoryUser{ID: gone, AccountID: bakery, Name: "Gerd Holm"})
	b.get(folk + "/" + gone + "/sees/" + bakery).leadsTo(folk + "/" + gone + "/sees")
	b.get(folk+"/"+gone+"/sees").says(http.StatusOK, "Gerd Holm cannot sign in")

	// Nothing is shown without the record, or if the person belongs to another client than the one
	// in the address.
	b.get(folk+"/"+jonas+"/sees").says(http.StatusNotFound, "There is no page")
	r.log.Fail(errors.New("the log is away"))
	for _, at := range []string{sees, sees + "/" + bakery} {
		refused := b.get(at)
		require.GreaterOrEqual(t, refused.Code, http.StatusInternalServerError)
		refused.lacks("What Clara Holm sees")
	}
}

// A figures page viewed as a client user is not updated automatically, because each update would be
// recorded as a view. The API logs the client user with the request id of the record of the view.
func TestViewAsClientUserIsNotUpdated(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.read(bakery, 70, 3, 1240)
	page := b.get(folk+"/"+clara+"/sees/"+bakery).says(http.StatusOK, "You are viewing this page as <strong>Clara Holm</strong>", "1,240").
		lacks("data-live", "/live.")
	views := r.views()
	require.Len(t, views, 1)
	require.Equal(t, page.Header().Get("X-Request-Id"), views[0].Envelope.Audit.RequestID)
	require.Contains(t, b.get("/console/clients/"+bakery+"/figures").Body.String(), "/live.")
}

const signsIn = "/console/people/" + clara + "/sign-in"

// newInvites has one session of Clara, and of a colleague.
func newInvites(t *testing.T) (*real, *apitest.Operators, *browser) {
	t.Helper()
	i := &apitest.Operators{Now: october}
	r := newReal(t, func(d *api.Deps) { d.Operators = i })
	began, kept := time.Date(2026, 10, 1, 11, 0, 0, 0, time.UTC), r.log.SignIns(t).Kept
	for n, p := range []signin.Person{{UserID: clara, AccountID: bakery, Role: "client"}, {UserID: adam, AccountID: agency, Role: "agency"}} {
		require.NoError(t, kept.Begin(t.Context(), signin.Session{
			Person: p, ID: "S" + p.UserID[:1], Way: "link", BegunAt: began, SeenAt: began, ExpiresAt: time.Now().Add(time.Hour),
		}, slices.Repeat([]byte{byte(n)}, 32), nil))
	}
	return r, i, r.signedIn("agency")
}

// scripted is a service in a test's bubble, where time is not that of a database: a test sets what
// operations return, by their ids.
type scripted struct {
	http.Handler

	returns map[string]func(context.Context) any
}

func (s scripted) Call(ctx context.Context, op api.Operation, _ api.Principal, _ url.Values, _ func(any)) (any, error) {
	return s.returns[op.ID](ctx), nil
}

func (scripted) Count(http.Header, api.Principal) error { return nil }

func (scripted) Observe(context.Context, string, string, int, time.Duration) {}

func (scripted) Health(context.Context) (healthy operator.Health) { return healthy }

// A double click sends a form twice, and without scripts the browser drops the first request. The
// action still runs exactly once.
func TestAFormSentTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, made, dropped := make(chan struct{}), atomic.Int32{}, false
		s := bareStage(t)
		s.deps.API = scripted{returns: map[string]func(context.Context) any{
			api.GetMe.ID:   func(context.Context) any { return directory.Me{UserID: alice} },
			api.GetUser.ID: func(context.Context) any { return directory.User{ID: clara} },
			api.PostSignInLink.ID: func(ctx context.Context) any {
				made.Add(1)
				<-release
				dropped = ctx.Err() != nil
				return api.SignInLink{UserID: clara, URL: "https://boards.example/console/link/WORD"}
			},
		}}
		b := s.open().signedIn("agency")
		first, leave := context.WithCancel(t.Context())
		var got [2]page
		var sent sync.WaitGroup
		for i, ctx := range []context.Context{first, t.Context()} {
			click := *b
			sent.Go(func() {
				got[i] = click.send(http.MethodPost, signsIn, url.Values{"valid_for": {"24h"}}, func(r *http.Request) { *r = *r.WithContext(ctx) })
			})
		}
		synctest.Wait()
		leave()
		close(release)
		sent.Wait()
		require.EqualValues(t, 1, made.Load())
		require.False(t, dropped, "what was begun is finished")
		for _, answer := range got {
			answer.says(http.StatusOK, "console/link/WORD")
		}
		b.post(signsIn, url.Values{"valid_for": {"24h"}}).says(http.StatusOK, "console/link/WORD")
		require.EqualValues(t, 2, made.Load(), "a later one is another")
	})
}

// Only the button creates the link. It is shown only once, on no other page.
func TestSignInLinkIsCreatedOnlyByButton(t *testing.T) {
	t.Parallel()
	_, i, b := newInvites(t)
	b.get(signsIn).says(http.StatusOK, "How Clara Holm signs in", "of Harbour Bakery", "anyone who has the link can sign in as Clara Holm", `<option value="24h" selected>24 hours</option>`,
		"Operators can see that you created the link", "a one-time link", "1 Oct 2026, 11:00:00 UTC").lacks("first invitation")
	require.Empty(t, i.Done())
	made := b.post(signsIn, url.Values{"valid_for": {"168h"}})
	made.says(http.StatusOK, "Send this link to Clara Holm only", "https://boards.example/console/link/WORD", "until <time", "8 Oct 2026, 12:00:00 UTC",
		"data-sent") // a reload with scripts opens the page without creating a link
	require.Empty(t, made.Result().Cookies(), "no cookie carries another person's link")
	require.Equal(t, []string{alice + ": link " + clara + " " + bakery + " 168h0m0s " + domain.Reason{Code: domain.ReasonCustomerRequest}.String()}, i.Done())
	require.NotContains(t, b.get(signsIn).Body.String(), "WORD")

	i.Refusal = domain.NewError(domain.CodeUnprocessable, "This person is not active.")
	b.post(signsIn, url.Values{"valid_for": {"15m"}}).says(http.StatusOK, `<p class="bad" role="alert">This person is not active.</p>`,
		"How Clara Holm signs in", `<option value="15m" selected>15 minutes</option>`)
	b.post(signsIn, url.Values{"valid_for": {"400h"}}).says(http.StatusOK, `<p class="bad" role="alert">`, "15m to 168h (7 days)")
	i.Refusal = domain.NewError(domain.CodeUnavailable, "It could not be recorded.")
	b.post(signsIn, url.Values{}).says(http.StatusServiceUnavailable, "It could not be recorded.")
	require.Len(t, i.Done(), 1)
}

func TestAnAgencyEndsASession(t *testing.T) {
	t.Parallel()
	_, _, b := newInvites(t)
	b.get(signsIn).says(http.StatusOK, `name="id" value="Sc"`, "End the session of Clara Holm")
	b.post(signsIn+"/end", url.Values{"id": {"Sc"}}).leadsTo(signsIn)
	b.get(signsIn).says(http.StatusOK, "Clara Holm has no session as a user of Harbour Bakery.")
}

// If the API would refuse to create a link, the page has no button and explains why.
func TestSignInLinkButtonIsHiddenIfRefused(t *testing.T) {
	t.Parallel()
	const stella, forgot, closed, ofClosed = "5a0000000000000000000001", "f000000000000000000000f1", "c10000000000000000000009", "c105ed000000000000000001"
	r, _, _ := newInvites(t)
	r.log.Put(t,
		domain.DirectoryAccount{ID: closed, RowID: 19, ParentAccount: agency, Name: "Closed shop"},
		domain.DirectoryUser{ID: stella, AccountID: agency, Name: "Stella Berg", Active: true},
		domain.DirectoryUser{ID: forgot, AccountID: bakery, Name: "Fred Holm", Active: true, ResetPending: true},
		domain.DirectoryUser{ID: ofClosed, AccountID: closed, Name: "Carl Shut", Active: true})
	for name, c := range map[string]struct {
		of, button  string // "": no button
		says        string
		addressless bool
		provider    *signin.Provider // with one there are no links; sessions are listed and can be ended
	}{
		"somebody of a client":                    {of: clara, button: "Clara Holm"},
		"a colleague who was never here":          {of: stella, button: "Stella Berg"},
		"somebody who forgot a password":          {of: forgot, button: "Fred Holm"},
		"somebody who is not active":              {of: left, says: "Lena Holm is inactive"},
		"somebody of a client that is not active": {of: ofClosed, says: "Closed shop is inactive, so a sign-in link would not work."},
		"a colleague who has signed in":           {of: adam, says: "Adam Nowak has signed in before"},
		"oneself":                                 {of: alice, says: "You are signed in."},
		"a service without a public address":      {of: clara, addressless: true, says: "LEDGERBOARD_PUBLIC_URL"},
		"a service with a provider":               {of: clara, provider: &signin.Provider{}, says: "with their organization's sign-in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bareStage(t)
			s.deps.API, s.deps.NoPublicURL = r.server, c.addressless
			if c.provider != nil {
				s.deps.Provider, s.deps.Identities = c.provider, &idp{}
			}
			page := s.open().signedIn("agency").get("/console/people/" + c.of + "/sign-in")
			if c.button != "" {
				page.says(http.StatusOK, "<button>Create a link for "+c.button+"</button>")
				return
			}
			page.says(http.StatusOK, c.says).lacks("<button>Create a link")
			if c.provider != nil {
				page.says(http.StatusOK, "End the session of Clara Holm").lacks("Create a link")
			}
		})
	}
}

// Colleagues have their own page, which adds them. A link can be created only before their first
// sign-in.
func TestColleaguesAreInvited(t *testing.T) {
	t.Parallel()
	r, _, b := newInvites(t)
	const gone = "5a0000000000000000000002"
	r.log.Put(t, domain.DirectoryUser{ID: gone, AccountID: agency})
	page := b.get("/console/colleagues").says(http.StatusOK, "Adam Nowak", gone, "inactive", `href="/console/people/`+adam+`/sign-in"`).lacks("Clara Holm")
	form := fields(t, page.Body.String())
	form.Set("name", "Stella Berg")
	form.Set("email", "stella@agency.example.com")
	added := b.post("/console/colleagues", form).Header().Get("Location")
	require.Regexp(t, `^/console/colleagues\?added=[0-9a-f]{24}$`, added)
	b.post("/console/colleagues", form).leadsTo(added)
	b.get(added).says(http.StatusOK, "Stella Berg was added.", "create a sign-in link for Stella Berg")
	_, stella, _ := strings.Cut(added, "=")
	b.get("/console/people/"+stella+"/sign-in").says(http.StatusOK, "of your agency", "only before the colleague", `href="/console/colleagues"`)
	b.get("/console/colleagues").says(http.StatusOK).lacks("was added")
	form.Set("key", "another")
	again := b.post("/console/colleagues", form).says(http.StatusOK, "already has this address", `value="Stella Berg"`)
	require.NotEqual(t, form.Get("key"), fields(t, again.Body.String()).Get("key"))
}
