package connect_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// A reconnected page waits for its first reading, whatever readings or failures there were with the
// earlier sign-in.
func TestFirstReadingIgnoresEarlierSignIns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	kept, queue := vault.Fetching{Pool: s.kept.Pool}, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}
	page1001 := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	became := func(r domain.FetchResult) {
		s.now = s.now.Add(time.Minute)
		claim := s.log.Claim(t, queue, page1001, s.now)
		r.SocialAccount, r.At, r.DueAt = page1001, s.now, s.now.Add(time.Minute)
		require.NoError(t, kept.Record(t.Context(), claim, []domain.FetchResult{r}))
	}
	var id string
	connected := func() {
		s.now = s.now.Add(time.Minute)
		s.dialog.consent = consent("77", page("1001"))
		var view connect.View
		id, view = s.signIn(facebook(north))
		s.choose(id, view, "1.0.1001")
	}
	first := func() domain.FirstReading {
		t.Helper()
		status, err := s.Status(t.Context(), ofAgency(north), id)
		require.NoError(t, err)
		require.Len(t, status.FirstReadings, 1)
		return status.FirstReadings[0]
	}
	shows := func(readAt *time.Time, status domain.PageStatus, codes ...domain.StatusCode) {
		t.Helper()
		got := first()
		require.Equal(t, readAt, got.ReadAt)
		require.Equal(t, status, got.Status)
		require.Len(t, got.Reasons, len(codes))
		for _, code := range codes {
			require.True(t, domain.HasCode(got.Reasons, code), "%+v", got)
		}
	}
	waits := func() { shows(nil, domain.PageWaiting, domain.StatusNotReadYet) }
	connected()
	waits()
	became(domain.FetchResult{Read: true})
	read := s.now
	shows(&read, domain.PageOK)
	became(domain.FetchResult{Failures: 1, Reason: &domain.StatusReason{Code: domain.StatusRefused}})
	shows(&read, domain.PageOK)

	connected()
	waits()
	became(domain.FetchResult{Failures: 2, Reason: &domain.StatusReason{Code: domain.StatusRetry}})
	shows(nil, domain.PageFailing, domain.StatusRetry)
	pauses := vault.Pauses{Pool: s.kept.Pool}
	_, err := pauses.Pause(t.Context(), domain.Pause{
		Kind: domain.PausePlatform, Name: domain.Facebook.String(), Since: s.now, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonIncident},
	})
	require.NoError(t, err)
	shows(nil, domain.PagePaused, domain.StatusPlatformPaused)
	ledgertest.Exec(t, s.kept.Pool, `delete from kept.pauses`)
	became(domain.FetchResult{Read: true})
	read = s.now
	shows(&read, domain.PageOK)
	for _, paused := range []bool{true, false} { // its figures are not in the tables
		pause := domain.Pause{Kind: domain.PauseProjection, Name: "account_insights", Since: s.now, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonTest}}
		if paused {
			_, err = pauses.Pause(t.Context(), pause)
		} else {
			_, err = pauses.Resume(t.Context(), pause.Kind, pause.Name)
		}
		require.NoError(t, err)
		require.Equal(t, paused, domain.HasCode(first().Reasons, domain.StatusFiguresPaused))
		ledgertest.Exec(t, s.log.DB.Pool, `insert into figure_owners (id, series, social_account_id, parent_account, account_id,
			member_id, p_id, last_at, event_id, metrics, missing, first_at) values (1, 1, $1, $2, $3, 1, 1, $4, 'e', '{}', '[]', $4)`, page1001, agency, north, s.now)
		shows(&read, domain.PageOK)
		ledgertest.Exec(t, s.log.DB.Pool, `delete from figure_owners`)
	}

	// Later changes prevail over the reading, also for the new owner.
	s.now = s.now.Add(time.Minute)
	s.hearMeta("77", s.now)
	require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
	shows(&read, domain.PageReconnect, domain.StatusDeauthorized)
	connected()
	waits()
	s.now = s.now.Add(time.Minute)
	_, view := s.signIn(facebook(south))
	require.NoError(t, s.Choose(t.Context(), view.ID, connect.Selection{
		Cookie: browser, Pages: []string{"1.0.1001"}, Move: []string{"1.0.1001"}, Seen: view.Choice.Seen,
	}, s.still))
	became(domain.FetchResult{Read: true})
	shows(nil, domain.PageDisconnected, domain.StatusMovedAway) // the reading is for another client
	id = view.ID
	shows(&s.now, domain.PageOK)
	s.now = s.now.Add(time.Minute)
	s.disconnect(page1001)
	shows(nil, domain.PageDisconnected, domain.StatusEndedByAgency)
	// Until the tables show a new sign-in, its page waits, whatever they showed before.
	s.now = s.now.Add(time.Minute)
	outcome := &domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: page1001}}}
	begun := domain.ConnectAttempt{ConnectRequester: ofAgency(south), CreatedAt: s.now, Outcome: outcome}
	readings, err := s.Directory.FirstReadings(t.Context(), begun)
	require.NoError(t, err)
	require.Empty(t, readings)
}

// A declined scope is shown by the figures that it excludes.
func TestDeclinedScopesNameMissingFigures(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"))
	_, view := s.signIn(facebook(north))
	require.Empty(t, view.Choice.StayEmpty)
	s.dialog.consent.Declined = []string{"pages_read_user_content"}
	_, view = s.signIn(facebook(north))
	require.Equal(t, []string{"of posts: comments"}, view.Choice.StayEmpty)
	s.dialog.consent.Declined = []string{"read_insights"}
	_, view = s.signIn(facebook(north))
	require.Equal(t, []string{
		"of pages and profiles: clicks, demographics, engagement, impressions, likes, reach, views",
		"of posts: average watch time, clicks, impressions, reach, views", // and not their likes
	}, view.Choice.StayEmpty)
	// Pages of several platforms have their platforms named.
	linked := platforms.Offered{Platform: domain.Instagram, ExternalID: "3001", AccessToken: "PAGETOKEN1001", MayRead: true}
	s.dialog.consent.Offered = append(s.dialog.consent.Offered, linked)
	s.dialog.consent.Declined = append(s.dialog.consent.Declined, "pages_read_user_content", "instagram_manage_insights")
	_, view = s.signIn(facebook(north))
	require.Equal(t, []string{
		"Facebook, of pages and profiles: clicks, demographics, engagement, impressions, likes, reach, views",
		"Facebook, of posts: average watch time, clicks, comments, impressions, likes, reach, views",
		"Instagram, of pages and profiles: comments, demographics, engagement, impressions, likes, reach, shares, views",
		"Instagram, of posts: average watch time, impressions, reach, saves, shares, views",
	}, view.Choice.StayEmpty)
}

// An Instagram account linked to a page is read with the page's token, not with the person's.
func TestStoredTokensIncludePageTokensAndScopes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	linked := platforms.Offered{Platform: domain.Instagram, ExternalID: "3001", AccessToken: "PAGETOKEN1001", MayRead: true}
	s.dialog.consent = consent("77", page("1001"), linked)
	s.dialog.consent.DataAccessUntil = today.AddDate(0, 0, 90)
	s.connects(facebook(north), "1.0.1001", "3.0.3001")
	stored := s.stored(personRef(domain.Facebook, "77"))
	require.Equal(t, map[string]string{"1001": "PAGETOKEN1001", "3001": "PAGETOKEN1001"}, stored.Pages)
	require.Equal(t, []string{"read"}, stored.Granted)
	require.Equal(t, s.dialog.consent.DataAccessUntil, stored.DataAccessUntil)
}

// organization is a person's consent to a LinkedIn page, which is read with the person's token.
func organization(person string) platforms.Consent {
	c := consent(person)
	c.Offered = []platforms.Offered{{Platform: domain.LinkedIn, ExternalID: "2001", Name: "Mill", MayRead: true}}
	return c
}

func TestReplacedConnectionReleasesGrant(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := connect.Request{ConnectRequester: ofAgency(north), Platform: domain.LinkedIn}
	first, second := personRef(domain.LinkedIn, "77"), personRef(domain.LinkedIn, "88")
	s.dialog.consent = organization("77")
	s.connects(r, "4.0.2001")
	require.NotEmpty(t, s.tokens(first))

	kept := false
	s.Store = storeBefore{Store: s.kept, keepGrant: func() {
		require.True(t, kept || s.tokens(second) == "", "what is sealed before it hangs on a grant is deleted by who lets go of the last of the rest")
		kept = true
	}}
	s.dialog.consent = organization("88")
	s.connects(r, "4.0.2001")
	require.True(t, kept)
	require.Equal(t, []string{"PERSONTOKEN77"}, s.dialog.givenBack)
	require.Empty(t, s.tokens(first))
	require.Equal(t, "PERSONTOKEN88", s.tokens(second))
	require.Len(t, s.due(domain.LinkedIn), 1)
}

// unshown is a directory that fails after something was appended.
type unshown struct {
	connect.Directory

	away *bool
}

func (u unshown) Page(ctx context.Context, parent string, id int64) (domain.ConnectedPage, error) {
	if *u.away {
		return domain.ConnectedPage{}, errors.New("the tables are away")
	}
	return u.Directory.Page(ctx, parent, id)
}

// after is a log that runs a function after a record, for example to disconnect the caller.
func after(log commands.Appender, then func()) ledgertest.Append {
	return func(ctx context.Context, d domain.Draft) error {
		err := log.Append(ctx, d)
		then()
		return err
	}
}

func TestDisconnectDeletesTokensOnlyOnceVisible(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	connected, ref := s.connected("1001"), personRef(domain.Facebook, "77")

	s.behind = domain.NewError(domain.CodeUnavailable, "paused")
	_, err := s.Disconnect(t.Context(), ofAgency(""), connected, s.still)
	require.ErrorContains(t, err, "Nothing was disconnected")
	require.NotEmpty(t, s.due(domain.Facebook))
	s.behind = nil
	log, directory, away := s.Log, s.Directory, false
	s.Directory, s.Log = unshown{directory, &away}, after(log, func() { away = true })
	_, err = s.Disconnect(t.Context(), ofAgency(""), connected, s.still)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), err)
	require.Equal(t, "PERSONTOKEN77", s.tokens(ref))
	require.Empty(t, s.dialog.givenBack)

	// A repetition completes it, even if the caller disconnects, and for a client that was closed.
	s.log.Put(t, domain.DirectoryAccount{ID: north, ParentAccount: agency, Name: "North"})
	ctx, leave := context.WithCancel(t.Context())
	s.Directory, s.Log = directory, after(log, leave)
	done, err := s.Disconnect(ctx, ofAgency(""), connected, s.still)
	require.NoError(t, err)
	require.Equal(t, connect.Disconnected{SocialAccountID: connected, GivenBack: true}, done)
	require.Empty(t, s.tokens(ref))
	require.Equal(t, []string{"PERSONTOKEN77"}, s.dialog.givenBack)
}

// Records with a clock that is ahead do not make ours ineffective.
func TestConnectRecordsAreLaterThanDirectoryRecords(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	social := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	ahead := commands.EntityDraft(domain.DirectorySocialAccount{
		ID: social, ParentAccount: agency, AccountID: north, MemberID: 5, ConnectionID: 70, Platform: domain.Facebook, ExternalID: "1001", Name: "Before",
	}, today.Add(time.Minute))
	require.NoError(t, s.log.Append(t.Context(), ahead))
	s.connected("1001")
	stored, err := s.Directory.Page(t.Context(), agency, social)
	require.NoError(t, err)
	require.True(t, stored.Connected)
	s.disconnect(social)
	stored, err = s.Directory.Page(t.Context(), agency, social)
	require.NoError(t, err)
	require.False(t, stored.Connected)
}
