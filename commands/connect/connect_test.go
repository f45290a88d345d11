package connect_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func facebook(account string) connect.Request {
	return connect.Request{ConnectRequester: ofAgency(account), Platform: domain.Facebook}
}

// The complete flow: the page has its computed id, its token is sealed where the fetchers find it,
// and it is due immediately.
func TestChosenPageIsDueImmediately(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	id, view := s.signIn(facebook(north))
	require.Equal(t, "Person 77", view.Choice.Who)
	require.Len(t, view.Choice.Pages, 2)
	require.Empty(t, s.due(domain.Facebook), "nothing is stored before the choice")

	outcome := s.choose(id, view, "1.0.1001")
	want := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	require.Equal(t, []domain.ConnectedNow{{SocialAccountID: want, PID: domain.Facebook, Name: "Page 1001"}}, outcome.Connected)
	require.Equal(t, []int64{want}, s.due(domain.Facebook), "only what was chosen")
	require.Equal(t, []domain.FetchQueue{{Kind: domain.FetchAccounts, Platform: domain.Facebook}}, s.looks)
	connection := grantOf(domain.Facebook, "77").ConnectionID(agency)
	stored, err := s.Directory.Page(t.Context(), agency, want)
	require.NoError(t, err)
	require.Equal(t, connection, stored.ConnectionID)
	require.Equal(t, domain.ComputedMember(agency, north, domain.Facebook, "77"), stored.MemberID)
	require.Equal(t, map[string]string{"1001": "PAGETOKEN1001"}, s.stored(grantOf(domain.Facebook, "77").SecretRef()).Pages, "no token of a page that nobody chose")
	_, err = s.secrets.Get(t.Context(), "connect/"+id)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "what waited for the choice is deleted")
	s.silent("PAGETOKEN", "PERSONTOKEN", "CODE")

	status, err := s.Status(t.Context(), ofAgency(north), id)
	require.NoError(t, err)
	require.Equal(t, domain.ConnectDone, status.Step)
	require.Len(t, status.FirstReadings, 1)
	require.Equal(t, want, status.FirstReadings[0].SocialAccountID)
	_, err = s.Status(t.Context(), domain.ConnectRequester{ParentAccount: rival, UserID: staff, Role: "agency"}, id)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestCallbackChecksStateAndCookie(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"))
	begun, state := s.open(facebook(north), browser)
	back := func(change func(*connect.Callback)) error {
		b := connect.Callback{Platform: domain.Facebook, State: state, Code: "CODE", Cookie: browser}
		change(&b)
		_, err := s.CallBack(t.Context(), b, s.still)
		return err
	}
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(back(func(b *connect.Callback) { b.State = "forged" })))
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(back(func(b *connect.Callback) { b.Cookie = "BROWSERTWO" })))
	require.Empty(t, s.dialog.redeemed, "no code was sent")

	require.NoError(t, back(func(*connect.Callback) {}))
	require.NoError(t, back(func(*connect.Callback) {}), "the page is loaded again")
	_, err := s.View(t.Context(), begun.ID, "BROWSERTWO", s.still)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err), "the requester cannot choose from another session")
	view, err := s.View(t.Context(), begun.ID, browser, s.still)
	require.NoError(t, err)
	require.NotNil(t, view.Choice)
	require.NoError(t, back(func(b *connect.Callback) { b.Code = "SECOND" }), "the person went back to the dialog and agreed again")
	require.Equal(t, []string{"CODE"}, s.dialog.redeemed)
	view, err = s.View(t.Context(), begun.ID, browser, s.still)
	require.NoError(t, err)
	require.Contains(t, view.Outcome.Refused, "a second time")

	_, state = s.open(facebook(north), browser)
	s.now = s.now.Add(10 * time.Minute)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(back(func(b *connect.Callback) { b.State = state })), "expired")
	require.Len(t, s.dialog.redeemed, 1)
}

// The page of a failed sign-in says why and what to do, and nothing is stored.
func TestFailedSignInShowsReason(t *testing.T) {
	t.Parallel()
	const code = "CODE"
	s := newStage(t)
	for name, one := range map[string]struct {
		code     string // none: the person did not agree
		platform error
		gone     error
		says     string
	}{
		"the person refuses":    {"", nil, nil, "You did not give your consent on Facebook"},
		"the code is spent":     {code, platforms.Refuse(domain.StatusRefused, "100", "code SECRETWORD was used", 0), nil, "Facebook no longer accepts this sign-in"},
		"the platform is away":  {code, platforms.Refuse(domain.StatusRetry, "2", "unavailable", 0), nil, "Start again in a few minutes"},
		"there is no page":      {code, nil, nil, "includes no page or profile"},
		"the rights have ended": {code, nil, domain.NewError(domain.CodeForbidden, "Your access has ended."), "Your access has ended."},
		"the quota is used up": {
			code, platforms.Refuse(domain.StatusThrottled, "101", "", 14*time.Hour+59*time.Minute+30*time.Second), nil,
			"accepts no more requests from this service until 22 November 2026, 00:00 UTC. Nothing was connected. Start again after that",
		},
	} {
		begun, state := s.open(facebook(north), browser)
		s.dialog.consent, s.dialog.err, s.gone = consent("77"), one.platform, one.gone
		back := connect.Callback{Platform: domain.Facebook, State: state, Cookie: browser, Code: one.code}
		if one.code == "" {
			back.Error.Code = "access_denied"
		}
		_, err := s.CallBack(t.Context(), back, s.still)
		require.NoError(t, err, name)
		s.gone = nil
		view, err := s.View(t.Context(), begun.ID, browser, s.still)
		require.NoError(t, err, name)
		require.Contains(t, view.Outcome.Refused, one.says, name)
		require.Equal(t, one.code == "", view.Outcome.Declined, name)
		require.Empty(t, s.due(domain.Facebook), name)
	}
}

func TestPageSelectionIsValidated(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	unreadable := page("1002")
	unreadable.MayRead, unreadable.Missing = false, "the task ANALYZE"
	s.dialog.consent = consent("77", page("1001"), unreadable)
	id, view := s.signIn(facebook(north))
	choose := func(c connect.Selection) error {
		c.Cookie = browser
		return s.Choose(t.Context(), id, c, s.still)
	}
	seen := view.Choice.Seen
	require.ErrorContains(t, choose(connect.Selection{Seen: seen}), "Select at least one")
	require.ErrorContains(t, choose(connect.Selection{Seen: seen, Pages: []string{"1.0.9999"}}), "not included in this sign-in")
	require.ErrorContains(t, choose(connect.Selection{Seen: seen, Pages: []string{"1.0.1002"}}), "the task ANALYZE")
	require.ErrorContains(t, choose(connect.Selection{Seen: seen, Move: []string{"1.0.1001"}}), "Select both or neither")
	require.ErrorIs(t, choose(connect.Selection{Pages: []string{"1.0.1001"}}), connect.ErrChangedMeanwhile)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(
		s.Choose(t.Context(), id, connect.Selection{Cookie: "BROWSERTWO", Seen: seen, Pages: []string{"1.0.1001"}}, s.still)))
	s.gone = domain.NewError(domain.CodeForbidden, "gone")
	require.ErrorContains(t, choose(connect.Selection{Seen: seen, Pages: []string{"1.0.1001"}}), "gone")
	s.gone, s.behind = nil, domain.NewError(domain.CodeUnavailable, "paused")
	require.ErrorIs(t, choose(connect.Selection{Seen: seen, Pages: []string{"1.0.1001"}}), connect.ErrDirectoryBehind)
	s.behind = nil
	require.Empty(t, s.due(domain.Facebook))
	require.NoError(t, choose(connect.Selection{Seen: seen, Pages: []string{"1.0.1001", "1.0.1001"}}), "a refused choice can be corrected")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(choose(connect.Selection{Seen: seen, Pages: []string{"1.0.1001"}})), "made twice")

	late, view := s.signIn(facebook(north))
	s.now = s.now.Add(15 * time.Minute)
	_, err := s.View(t.Context(), late, browser, s.still)
	require.ErrorContains(t, err, "The time to choose has expired")
	require.ErrorContains(t, s.Choose(t.Context(), late, connect.Selection{Cookie: browser, Seen: view.Choice.Seen, Pages: []string{"1.0.1001"}}, s.still), "has expired")
}

// What the platform has and does not offer is named with the reason, on the page of the choice and, if
// there is nothing to choose, in the outcome.
func TestPagesThatAreNotOfferedAreNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	missing := platforms.NotOffered{Name: "Facebook page 103", Reason: "Facebook does not show it."}
	s.dialog.consent = consent("77", page("1001"))
	s.dialog.consent.NotOffered = []platforms.NotOffered{missing}
	_, view := s.signIn(facebook(north))
	require.Equal(t, []platforms.NotOffered{missing}, view.Choice.NotOffered)

	s.dialog.consent.Offered = nil
	_, view = s.signIn(facebook(north))
	require.Contains(t, view.Outcome.Refused, "Facebook page 103: Facebook does not show it.")
}

// If the platform lists some of a person's pages only, a page that is missing was not left out.
func TestPageMissingFromIncompleteListIsNotRemoved(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001", "1002")
	for _, offered := range [][]platforms.Offered{{page("1001")}, nil} {
		s.now = s.now.Add(time.Hour)
		s.dialog.consent = consent("77", offered...)
		s.dialog.consent.Incomplete = platforms.NoWayOn(domain.Facebook, "sign_in_offered")
		_, view := s.signIn(facebook(north))
		require.Contains(t, view.Outcome.Refused, "did not list all of your pages")
		require.Empty(t, view.Outcome.FellAway)
		require.Len(t, s.due(domain.Facebook), 2, "both are read as before")
	}
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	s.dialog.consent.Incomplete = platforms.NoWayOn(domain.Facebook, "sign_in_offered")
	_, view := s.signIn(facebook(north))
	require.Len(t, view.Choice.Pages, 2, "if no page is missing, the sign-in goes on")
}

// A second consent replaces the set of pages. The pages that it leaves out are named before
// anything is stored, and then wait for a sign-in. This includes pages of another agency, which is
// not named.
func TestPagesOmittedFromSecondConsentAreNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001", "1002")
	s.connects(ofRival(domain.Facebook), "1.0.1002")

	renewed := page("1001")
	renewed.AccessToken = "RENEWED"
	s.now = s.now.Add(time.Hour)
	s.dialog.consent = consent("77", page("1003"))
	older, open := s.signIn(facebook(south))
	s.dialog.consent = consent("77", renewed, page("1003"))
	s.dialog.consent.Declined = []string{"pages_show_list"} // no figures need it
	_, view := s.signIn(facebook(south))
	require.Empty(t, view.Choice.Earlier)
	s.dialog.consent.Declined = []string{"read_insights"}
	s.now = s.now.Add(time.Minute)
	id, view := s.signIn(facebook(south))
	require.Equal(t, []string{"Page 1002 (Facebook, North)"}, view.Choice.FallsAway)
	require.Equal(t, []string{"Page 1001 (Facebook, North)"}, view.Choice.Earlier)
	ours, rivals := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1002"), domain.ComputedSocialAccount(rival, domain.Facebook, 0, "1002")
	require.Subset(t, s.due(domain.Facebook), []int64{ours, rivals}, "nothing is stored before the choice")
	outcome := s.choose(id, view, "1.0.1003")
	require.Equal(t, []string{"Page 1002 (Facebook, North)"}, outcome.FellAway)
	var reason string
	require.NoError(t, s.log.DB.ReadOnly.QueryRow(t.Context(), `
		select reason ->> 'code' from connection_states where social_account_id = $1`, ours).Scan(&reason))
	require.EqualValues(t, domain.StatusDeclined, reason)
	due := s.due(domain.Facebook)
	require.NotContains(t, due, ours)
	require.NotContains(t, due, rivals)
	require.Contains(t, due, domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001"), "what is covered goes on")
	require.Equal(t, "RENEWED", s.pageToken("1001"), "with the new token")
	require.ErrorContains(t, s.Choose(t.Context(), older, connect.Selection{Cookie: browser, Seen: open.Choice.Seen, Pages: []string{"1.0.1003"}}, s.still),
		"a newer sign-in of the same person", "an older consent leaves nothing out")

	// Connected again, it keeps its id and is read.
	s.dialog.consent = consent("77", page("1001"), page("1002"), page("1003"))
	s.now = s.now.Add(time.Hour)
	again := facebook(north)
	again.SocialAccount = ours
	require.Equal(t, ours, s.connects(again, "1.0.1002").Connected[0].SocialAccountID)
	require.Contains(t, s.due(domain.Facebook), ours)
	require.Contains(t, s.due(domain.Facebook), rivals, "the sign-in renews what hangs on it everywhere")
}

// A consent that covers nothing revokes the tokens of the one before, although nothing can be
// connected with it. The affected pages are named.
func TestEmptyConsentNamesPagesThatLoseAccess(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	again := facebook(north)
	again.SocialAccount = s.connected("1001", "1002")
	for says, request := range map[string]connect.Request{
		"no page or profile, and you did not grant all": facebook(south), "cannot be read, and you did not grant all": again, "does not include": again,
	} {
		s.now = s.now.Add(time.Hour)
		s.connected("1001", "1002")
		require.Len(t, s.due(domain.Facebook), 2)
		older, open := s.signIn(facebook(south))
		s.dialog.consent = consent("77")
		if says != "does not include" {
			s.dialog.consent.Declined = []string{"pages_show_list"}
		}
		s.now = s.now.Add(time.Minute)
		_, view := s.signIn(request)
		require.Contains(t, view.Outcome.Refused, says)
		require.NotContains(t, view.Outcome.Refused, "Nothing was changed")
		require.Equal(t, []string{"Page 1001 (Facebook, North)", "Page 1002 (Facebook, North)"}, slices.Sorted(slices.Values(view.Outcome.FellAway)))
		require.Empty(t, s.due(domain.Facebook))
		require.ErrorContains(t, s.Choose(t.Context(), older, connect.Selection{Cookie: browser, Seen: open.Choice.Seen, Pages: []string{"1.0.1001"}}, s.still),
			"a newer sign-in of the same person")
	}
}

func TestSamePageInTwoAgenciesHasTwoIDs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = platforms.Consent{
		PersonID: "open", Tokens: platforms.Tokens{AccessToken: "PERSONTOKEN", RefreshToken: "REFRESH"},
		Offered: []platforms.Offered{{Platform: domain.TikTok, ExternalID: "open", Name: "Dancer", MayRead: true}},
	}
	r := connect.Request{ConnectRequester: ofAgency(north), Platform: domain.TikTok}
	s.connects(r, "6.0.open")
	r = ofRival(domain.TikTok)
	id, view := s.signIn(r)
	require.False(t, view.Choice.Pages[0].Present, "the other agency's is not seen")
	s.choose(id, view, "6.0.open")
	require.ElementsMatch(t, []int64{
		domain.ComputedSocialAccount(agency, domain.TikTok, 0, "open"), domain.ComputedSocialAccount(rival, domain.TikTok, 0, "open"),
	}, s.due(domain.TikTok))
	ref := personRef(domain.TikTok, "open")
	require.Equal(t, "PERSONTOKEN", s.tokens(ref))
	for _, parent := range []string{agency, rival} {
		place, err := s.Places.TokenPlace(t.Context(), grantOf(domain.TikTok, "open").ConnectionID(parent))
		require.NoError(t, err)
		require.Equal(t, ref, place.SecretRef, "both read with one secret: two copies of a refresh token that works once would kill each other")
	}

	// The consent is revoked with the last of them.
	require.False(t, s.disconnect(domain.ComputedSocialAccount(agency, domain.TikTok, 0, "open")).GivenBack)
	require.Empty(t, s.dialog.givenBack)
	require.Equal(t, "PERSONTOKEN", s.tokens(ref))
	s.dialog.onBack = func() { require.Empty(t, s.tokens(ref), "nobody can have connected something by what is given back") }
	second, err := s.Disconnect(t.Context(), r.ConnectRequester, domain.ComputedSocialAccount(rival, domain.TikTok, 0, "open"), s.still)
	require.NoError(t, err)
	require.True(t, second.GivenBack)
	require.Equal(t, []string{"PERSONTOKEN"}, s.dialog.givenBack)
	require.Empty(t, s.tokens(ref))
	require.Empty(t, s.due(domain.TikTok))
}

func TestReconnectRefusesOtherAccount(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001")
	before := len(s.log.Records(domain.TopicDirectory))

	s.dialog.consent = consent("88", page("2002"))
	again := facebook(north)
	again.SocialAccount = domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	id, view := s.signIn(again)
	require.NotContains(t, view.Outcome.Refused, "Person 88", "the outcome is kept longer than the tokens")
	require.Contains(t, view.Outcome.Refused, `"Page 1001"`)
	require.Len(t, s.log.Records(domain.TopicDirectory), before)
	require.Equal(t, domain.CodeConflict, domain.CodeOf(s.Choose(t.Context(), id, connect.Selection{Cookie: browser, Pages: []string{"1.0.2002"}}, s.still)))
	require.Empty(t, s.tokens("connect/"+id))

	// Another administrator of the same page may reconnect it: its id stays.
	s.dialog.consent = consent("88", page("1001"))
	require.Equal(t, again.SocialAccount, s.connects(again, "1.0.1001").Connected[0].SocialAccountID)

	for name, r := range map[string]connect.Request{
		"another client's":    {ConnectRequester: ofAgency(south), Platform: domain.Facebook, SocialAccount: again.SocialAccount},
		"of another platform": {ConnectRequester: ofAgency(north), Platform: domain.TikTok, SocialAccount: again.SocialAccount},
	} {
		_, err := s.Begin(t.Context(), r, s.still)
		require.Error(t, err, name)
	}
}

// The page to reconnect is selected, even while it is disconnected. Of the others, those that this
// person's sign-in reads and those that wait for a sign-in are selected.
func TestPageToReconnectIsPreselected(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	waits := held(north, "1005")
	waits.ID, waits.ConnectionID = 8, 80
	s.log.Put(t, held(north, "1003"), waits)
	refused := domain.ConnectionStateChanged{ConnectionID: 80, Platform: domain.Facebook, Code: domain.StatusRefused, At: s.now}
	require.NoError(t, s.Log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agency, refused, s.now)))
	s.dialog.consent = consent("77", page("1001"), page("1002"), page("1003"), page("1004"), page("1005"))
	s.connects(facebook(north), "1.0.1001", "1.0.1002")
	again := facebook(north)
	again.SocialAccount = domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	s.disconnect(again.SocialAccount)

	id, view := s.signIn(again)
	var ticked []string
	for _, offer := range view.Choice.Pages {
		if offer.Ticked {
			ticked = append(ticked, offer.Key)
		}
	}
	require.Equal(t, []string{"1.0.1001", "1.0.1002", "1.0.1005"}, ticked)
	without := connect.Selection{Cookie: browser, Seen: view.Choice.Seen, Pages: []string{"1.0.1002"}}
	require.ErrorContains(t, s.Choose(t.Context(), id, without, s.still), "Nothing was connected")
	require.Len(t, s.choose(id, view, ticked...).Connected, 3)
	require.Contains(t, s.due(domain.Facebook), again.SocialAccount)
}

// If a page has two rows in the directory, either can be reconnected. A connected one is preferred.
func TestReconnectPageWithTwoDirectoryRows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, second := held(north, "1001"), held(north, "1001")
	second.ID, second.Connected = 8, false
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	again := facebook(north)
	for _, c := range []struct {
		connected   bool // the first row
		asked, want int64
	}{{false, 7, 7}, {false, 8, 8}, {true, 8, 7}} {
		s.now = s.now.Add(time.Minute)
		first.Connected = c.connected
		s.log.Put(t, first, second)
		again.SocialAccount = c.asked
		id, view := s.signIn(again)
		require.True(t, view.Choice.Pages[0].Ticked, "%v", c)
		require.Equal(t, c.want, s.choose(id, view, "1.0.1001").Connected[0].SocialAccountID, "%v", c)
	}
}

// A page that the main application connected keeps its id. A page of another client moves only
// after confirmation, and only for agency staff.
func TestKnownPageKeepsIDAndMovesOnlyConfirmed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.log.Put(t, held(south, "1001"))
	_, err := s.Disconnect(t.Context(), ofAgency(""), 7, s.still)
	require.ErrorContains(t, err, "by the main application")
	s.dialog.consent = consent("77", page("1001"))
	id, view := s.signIn(facebook(north))
	require.Equal(t, "South", view.Choice.Pages[0].HeldBy)
	chosen := connect.Selection{Cookie: browser, Pages: []string{"1.0.1001"}, Seen: view.Choice.Seen}
	require.ErrorContains(t, s.Choose(t.Context(), id, chosen, s.still), "Confirm that it moves")
	chosen.Move = chosen.Pages
	require.NoError(t, s.Choose(t.Context(), id, chosen, s.still))
	moved, err := s.Directory.Page(t.Context(), agency, 7)
	require.NoError(t, err)
	require.Equal(t, north, moved.AccountID)
	require.Equal(t, grantOf(domain.Facebook, "77").ConnectionID(agency), moved.ConnectionID)
	id, view = s.signIn(facebook(north))
	require.True(t, view.Choice.Pages[0].Present)
	s.choose(id, view, "1.0.1001")

	// Once disconnected, it is not held any more, but staff learn whose it was.
	s.now = s.now.Add(time.Hour)
	s.disconnect(7)
	id, view = s.signIn(facebook(south))
	require.Equal(t, "North", view.Choice.Pages[0].FormerClient)
	require.Equal(t, int64(7), s.choose(id, view, "1.0.1001").Connected[0].SocialAccountID)
}

func TestClientConnectsForItsOwnAccountOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.log.Put(t, domain.DirectoryUser{ID: client, AccountID: north, Active: true}, domain.DirectoryUser{ID: staff, AccountID: agency, Active: true},
		held(south, "1001"))
	r := facebook(north)
	r.UserID, r.Role = client, "client"
	_, err := s.Begin(t.Context(), r, s.still)
	require.ErrorIs(t, err, connect.ErrClientMayNot, "without an open dashboard")
	s.board(true, "analytics", "connect")
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	id, view := s.signIn(r)
	require.NotContains(t, view.Choice.Pages[0].HeldBy, "South")
	err = s.Choose(t.Context(), id, connect.Selection{Cookie: browser, Pages: []string{"1.0.1001"}, Move: []string{"1.0.1001"}, Seen: view.Choice.Seen}, s.still)
	require.ErrorContains(t, err, "ask your agency")
	s.board(true, "analytics")
	err = s.Choose(t.Context(), id, connect.Selection{Cookie: browser, Pages: []string{"1.0.1002"}, Seen: view.Choice.Seen}, s.still)
	require.ErrorIs(t, err, connect.ErrClientMayNot, "the scope was taken away meanwhile")
	s.board(true, "connect")
	s.choose(id, view, "1.0.1002")
	user, err := s.Directory.MemberUser(t.Context(), domain.ComputedMember(agency, north, domain.Facebook, "77"))
	require.NoError(t, err)
	require.Equal(t, client, user)
	_, err = s.Disconnect(t.Context(), r.ConnectRequester, 7, s.still)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "another client's")
	left := held(south, "1001")
	left.Connected = false
	s.log.Put(t, left)
	s.now = s.now.Add(time.Minute)
	_, view = s.signIn(r)
	require.True(t, view.Choice.Pages[0].Selectable())
	require.Empty(t, view.Choice.Pages[0].FormerClient, "clients do not learn of each other")
}

// board opens the dashboard of client north to its user with some scopes.
func (s *stage) board(open bool, scopes ...string) {
	s.t.Helper()
	users := []string{client}
	_, err := s.log.Dashboards(s.t, func() time.Time { return s.now }).Update(s.t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: agency, UserID: staff, Role: "agency", RequestID: "r"},
		Change: domain.UpdateDashboard{Primary: north, AllowClientDashboard: &open, Users: &users, Scopes: &scopes},
	})
	require.NoError(s.t, err)
}

// A link works until it expires or is revoked. Then its page shows nothing and starts nothing, and
// sign-ins that it began cannot continue.
func TestExpiredOrRevokedConnectLinkOpensNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	token, _ := s.link(ofAgency(north))
	revoked, id := s.link(ofAgency(north))
	over := func(token, start, why string) {
		for name, use := range s.uses(token, start) {
			require.ErrorContains(t, use(), "is no longer valid", "%s: %s", name, why)
		}
	}
	_, err := s.links().Follow(t.Context(), revoked, browser, domain.TikTok, s.still)
	require.ErrorContains(t, err, "does not allow this platform")
	start := s.follow(revoked)
	_, err = s.links().Page(t.Context(), revoked, "BROWSERTWO", s.still)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err), "it is of the browser that followed it")
	_, err = s.links().Follow(t.Context(), revoked, "BROWSERTWO", domain.Facebook, s.still)
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	_, err = s.links().Revoke(t.Context(), ofAgency(""), id, s.still)
	require.NoError(t, err)
	over(revoked, start, "it was taken back")
	require.Len(t, s.log.Records(domain.TopicOperations), 4, "two made, one followed, one revoked")
	s.silent(token, revoked)

	end := s.now.AddDate(0, 0, 14)
	s.now = end.Add(-time.Second)
	start = s.follow(token)
	s.now = end
	over(token, start, "it has ended")
}

// A choice of a revoked link does not keep the consent of the same person's last page.
func TestPendingChoiceOfRevokedLinkDoesNotKeepConsent(t *testing.T) {
	t.Parallel()
	for _, revoked := range []bool{false, true} {
		s := newStage(t)
		connected := s.connected("1001")
		token, link := s.link(ofAgency(north))
		state := s.stateOf(s.follow(token), browser)
		_, err := s.CallBack(t.Context(), connect.Callback{Platform: domain.Facebook, State: state, Code: "CODE", Cookie: browser}, s.still)
		require.NoError(t, err)
		if revoked {
			_, err = s.links().Revoke(t.Context(), ofAgency(""), link, s.still)
			require.NoError(t, err)
		}
		s.disconnect(connected)
		require.Equal(t, revoked, len(s.dialog.givenBack) > 0)
	}
}

func TestConnectLinkEndsWhenCreatorLosesScope(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.log.Put(t, domain.DirectoryUser{ID: client, AccountID: north, Active: true})
	s.board(true, "connect")
	by := domain.ConnectRequester{ParentAccount: agency, AccountID: north, UserID: client, Role: "client"}
	token, link := s.link(by)
	start := s.follow(token)
	listed, err := s.links().List(t.Context(), by, s.still)
	require.NoError(t, err)
	require.Len(t, listed, 1)

	s.board(true, "analytics")
	for name, use := range s.uses(token, start) {
		require.ErrorContains(t, use(), "is no longer valid", name)
	}
	_, err = s.links().List(t.Context(), by, s.still)
	require.ErrorIs(t, err, connect.ErrClientMayNot)
	_, err = s.links().Revoke(t.Context(), by, link, s.still)
	require.ErrorIs(t, err, connect.ErrClientMayNot)
	s.board(true, "connect")
	_, err = s.links().Revoke(t.Context(), by, link, s.still)
	require.NoError(t, err)
}

// A link created by staff who left opens nothing, binds no browser, and its sign-ins cannot
// continue.
func TestConnectLinkOfFormerStaffOpensNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"))
	token, _ := s.link(ofAgency(north))
	unseen, _ := s.link(ofAgency(north))
	begin := func() (start, state string) {
		start = s.follow(token)
		return start, s.stateOf(start, browser)
	}
	back := func(state string) string {
		id, err := s.CallBack(t.Context(), connect.Callback{Platform: domain.Facebook, State: state, Code: "CODE", Cookie: browser}, s.still)
		require.NoError(t, err)
		return id
	}
	start, state := begin()
	_, chosenState := begin()
	choosing := back(chosenState)
	view, err := s.View(t.Context(), choosing, browser, s.still)
	require.NoError(t, err)
	require.Len(t, s.dialog.redeemed, 1)
	records := len(s.log.Records(domain.TopicOperations))

	s.gone = domain.NewError(domain.CodeForbidden, "gone")
	uses := s.uses(unseen, start)
	uses["view"] = func() error { _, err := s.View(t.Context(), choosing, browser, s.still); return err }
	uses["choose"] = func() error {
		return s.Choose(t.Context(), choosing, connect.Selection{Cookie: browser, Pages: []string{"1.0.1001"}, Seen: view.Choice.Seen}, s.still)
	}
	for name, use := range uses {
		require.EqualError(t, use(), "not_found: This link is no longer valid. Ask the sender for a new one.", name)
	}
	colleague := ofAgency(north)
	colleague.UserID = "another"
	links, err := s.links().List(t.Context(), colleague, func(ctx context.Context, r domain.ConnectRequester) error {
		if r.UserID == colleague.UserID {
			return nil
		}
		return s.still(ctx, r)
	})
	require.NoError(t, err)
	require.Len(t, links, 2)
	require.False(t, links[0].Works || links[1].Works, "the list says so")
	done, err := s.kept.Attempt(t.Context(), back(state))
	require.NoError(t, err)
	require.Contains(t, done.Outcome.Refused, "is no longer valid")
	require.Len(t, s.dialog.redeemed, 1, "the code is not redeemed")
	require.Len(t, s.log.Records(domain.TopicOperations), records, "nothing was followed")

	s.gone = nil
	_, err = s.links().Page(t.Context(), unseen, "BROWSERTWO", s.still)
	require.NoError(t, err, "no browser was bound to it")
	links, err = s.links().List(t.Context(), colleague, s.still)
	require.NoError(t, err)
	require.True(t, links[0].Works && links[1].Works)
	s.gone = domain.NewError(domain.CodeUnavailable, "the directory cannot be asked")
	_, err = s.links().Page(t.Context(), unseen, browser, s.still)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "it may work again")
}

func TestReturnURLMustBeOwnOrConfigured(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	begin := func(to string) error {
		r := facebook(north)
		r.ReturnTo = to
		_, err := s.Begin(t.Context(), r, s.still)
		return err
	}
	for _, good := range []string{"", "/console/clients", public + "/x", "https://app.example/done?x=1"} {
		require.NoError(t, begin(good), good)
	}
	for _, bad := range []string{
		"//evil.example", "https://evil.example", "https://boards.example.evil.example/", `/\evil.example`, "javascript:alert(1)", "http://app.example/",
		"https://app.example@evil.example/", "relative", "/\tx",
	} {
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(begin(bad)), bad)
	}
}

// What a platform's dialog reports is in the log, with its code and description, and only a person who
// canceled reads so.
func TestErrorsOfPlatformDialogs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for name, c := range map[string]struct {
		platform domain.Platform
		refusal  connect.PlatformRefusal
		says     string // of the page; "did not give your consent": canceled
	}{
		"canceled at LinkedIn":               {domain.LinkedIn, connect.PlatformRefusal{Code: "user_cancelled_login"}, "did not give your consent"},
		"consent refused at LinkedIn":        {domain.LinkedIn, connect.PlatformRefusal{Code: "user_cancelled_authorize"}, "did not give your consent"},
		"canceled at Facebook":               {domain.Facebook, connect.PlatformRefusal{Code: "access_denied", Reason: "user_denied"}, "did not give your consent"},
		"canceled at TikTok":                 {domain.TikTok, connect.PlatformRefusal{Code: "access_denied"}, "did not give your consent"},
		"Facebook refuses the app":           {domain.Facebook, connect.PlatformRefusal{Code: "access_denied", Reason: "app_restricted", Description: "App not active"}, "does not help"},
		"Facebook names a number only":       {domain.Facebook, connect.PlatformRefusal{Code: "1349126", Description: "App isn't available"}, "does not help"},
		"LinkedIn's app lacks a scope":       {domain.LinkedIn, connect.PlatformRefusal{Code: "unauthorized_scope_error", Description: "Scope r_x is not authorized"}, "does not help"},
		"TikTok's app lacks a scope":         {domain.TikTok, connect.PlatformRefusal{Code: "invalid_scope"}, "does not help"},
		"the platform has a problem":         {domain.LinkedIn, connect.PlatformRefusal{Code: "server_error"}, "in a few minutes"},
		"neither a code nor an error":        {domain.Instagram, connect.PlatformRefusal{}, "did not complete the sign-in"},
		"only a description, without a code": {domain.Instagram, connect.PlatformRefusal{Description: "Invalid platform app"}, "did not complete the sign-in"},
	} {
		s.said.Reset()
		_, state := s.open(connect.Request{ConnectRequester: ofAgency(north), Platform: c.platform}, browser)
		id, err := s.CallBack(t.Context(), connect.Callback{Platform: c.platform, State: state, Error: c.refusal, Cookie: browser}, s.still)
		require.NoError(t, err, name)
		view, err := s.View(t.Context(), id, browser, s.still)
		require.NoError(t, err, name)
		require.Contains(t, string(view.Outcome.Refused), c.says, name)
		canceled := strings.Contains(c.says, "did not give")
		require.Equal(t, canceled, view.Outcome.Declined, name)
		if canceled {
			require.NotContains(t, s.said.String(), "ended with an error", name)
			continue
		}
		require.Contains(t, s.said.String(), "ended with an error", name)
		for _, text := range []string{c.refusal.Code, c.refusal.Reason, c.refusal.Description} {
			require.Contains(t, s.said.String(), text, name)
		}
	}
}
