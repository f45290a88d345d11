package readmodels_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

var entityDay = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

// entityStage returns a log with two agencies, and the queries over its tables.
func entityStage(t *testing.T) (*ledgertest.Log, directory.Entities) {
	t.Helper()
	log := ledgertest.TwoAgencies(t)
	return log, directory.Entities{Pool: log.DB.ReadOnly}
}

func entityUser(n int) string { return fmt.Sprintf("d%023d", n) }

// connected returns the entities of a page of client A that the member with the same number
// connected.
func connected(id int64, p domain.Platform) (domain.DirectoryMember, domain.DirectoryConnection, domain.DirectorySocialAccount) {
	kind, _ := p.Kind(0)
	return domain.DirectoryMember{ID: id, AccountID: clientA, Name: fmt.Sprint("Member ", id), Active: true},
		domain.DirectoryConnection{ID: 100 + id, MemberID: id, Platform: p, SecretRef: fmt.Sprint("connection/", id)},
		domain.DirectorySocialAccount{
			ID: id, ParentAccount: agencyA, AccountID: clientA, MemberID: id, ConnectionID: 100 + id, Platform: p, AccountType: kind.Type,
			ExternalID: fmt.Sprint("ext", id), Name: fmt.Sprint("Page ", id), Connected: true, CreatedAt: entityDay,
		}
}

func putConnected(t *testing.T, log *ledgertest.Log, id int64, p domain.Platform) {
	t.Helper()
	member, connection, page := connected(id, p)
	log.Put(t, member, connection, page)
}

func subscribed(account string) domain.DirectorySubscription {
	return domain.DirectorySubscription{ID: 1, AccountID: account, StartsAt: entityDay.AddDate(-9, 0, 0)}
}

var wholeAgency = readmodels.Scope{ParentAccount: agencyA}

func TestUsersAreScopedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	created := entityDay
	log.Put(t,
		domain.DirectoryUser{ID: entityUser(1), AccountID: agencyA, Name: "Berta", Email: "berta@example.com", Role: "admin", Active: true},
		domain.DirectoryUser{ID: entityUser(2), AccountID: clientA, Name: "Anna", Email: "anna@example.com", Company: "Bakery", IsOwner: true, Active: true, CreatedAt: created, UpdatedAt: created},
		domain.DirectoryUser{ID: entityUser(3), AccountID: clientA, Name: "Anna", Email: "100%@example.com", Active: true, ResetPending: true},
		domain.DirectoryUser{ID: entityUser(4), AccountID: clientC, Name: "Ähm", Email: "x@example.com", ResetPending: true},
		domain.DirectoryUser{ID: entityUser(5), AccountID: clientB, Name: "Aaron", Email: "aaron@example.com", Active: true},
		domain.DirectorySession{ID: "s1", UserID: entityUser(2), LoginAt: created.Add(time.Hour)},
	)
	names := func(scope readmodels.Scope, q directory.UsersQuery) (ids []string) {
		for _, u := range ledgertest.AllPages(t, 2, func(p readmodels.Page) ([]directory.User, readmodels.ListMeta, error) {
			q.Page = p
			return entities.Users(t.Context(), scope, q)
		}) {
			ids = append(ids, u.ID[len(u.ID)-1:])
		}
		return ids
	}
	whole := wholeAgency
	require.Equal(t, []string{"4", "2", "3", "1"}, names(whole, directory.UsersQuery{}), "by name, without gaps between pages")
	require.Equal(t, []string{"2", "3"}, names(readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientA}}, directory.UsersQuery{}))
	require.Empty(t, names(readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientB}}, directory.UsersQuery{}))
	require.Equal(t, []string{"3"}, names(whole, directory.UsersQuery{Search: "0%@"}), "pattern characters are literal")
	require.Equal(t, []string{"2", "3"}, names(whole, directory.UsersQuery{Search: "ANN"}))
	require.Equal(t, []string{"1"}, names(whole, directory.UsersQuery{Role: "admin"}))
	require.Equal(t, []string{"2", "1"}, names(whole, directory.UsersQuery{Active: new(true)}), "a user with a pending password reset is not active")
	require.Equal(t, []string{"4", "3"}, names(whole, directory.UsersQuery{Active: new(false)}))

	user := func(n int) directory.User {
		got, err := entities.User(t.Context(), whole, directory.UsersQuery{}, entityUser(n))
		require.NoError(t, err)
		return got
	}
	require.Equal(t, directory.User{
		ID: entityUser(2), Name: "Anna", Email: "anna@example.com", Company: "Bakery", AccountID: clientA, AccountName: "Client A",
		IsOwner: true, Active: true, CreatedAt: &created, UpdatedAt: &created, LastLogin: new(created.Add(time.Hour)),
	}, user(2))
	require.True(t, user(3).ResetPending)
	require.False(t, user(4).ResetPending, "also inactive for another reason")
	for _, id := range []string{entityUser(5), entityUser(9)} {
		_, err := entities.User(t.Context(), whole, directory.UsersQuery{}, id)
		require.ErrorIs(t, err, directory.ErrNoUser)
	}
	_, _, err := entities.Users(t.Context(), whole, directory.UsersQuery{Page: readmodels.Page{Cursor: "bogus"}})
	require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
}

// A client user sees only the users of dashboards that show it figures. A member shows the email
// address and picture of its user as long as both have the same account; to a client user, only if
// that user is visible. Members cannot be found by hidden data.
func TestClientUserSeesOnlyVisibleUsersAndMembers(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	user := func(n int, account string) domain.DirectoryUser {
		return domain.DirectoryUser{ID: entityUser(n), AccountID: account, Name: "User", Email: fmt.Sprint(n, "@example.com"), Image: fmt.Sprint(n, ".png"), Active: n != 4}
	}
	for n := 1; n <= 4; n++ {
		log.Put(t, user(n, clientA),
			domain.DirectoryMember{ID: int64(n), AccountID: clientA, UserID: entityUser(n), Name: fmt.Sprint("Member ", n), Active: true},
		)
	}
	_, err := log.Dashboards(t, time.Now).Update(t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: agencyA, UserID: entityUser(1), Role: "agency", RequestID: "r"},
		Change: domain.UpdateDashboard{
			Primary: clientA, Users: &[]string{entityUser(1), entityUser(3), entityUser(4)}, AllowClientDashboard: new(true),
		},
	})
	require.NoError(t, err)
	log.Put(t, user(3, clientB)) // stays on the list
	narrowed, err := readmodels.Scopes{Pool: log.DB.ReadOnly}.Scope(t.Context(),
		readmodels.ScopeRequest{ParentAccount: agencyA, ClientAccount: clientA, ClientUser: entityUser(1)})
	require.NoError(t, err)
	users, _, err := entities.Users(t.Context(), narrowed, directory.UsersQuery{OfDashboards: true})
	require.NoError(t, err)
	require.Len(t, users, 1)
	require.Equal(t, entityUser(1), users[0].ID, "listed, active and of this account")
	for name, test := range map[string]struct {
		scope  readmodels.Scope
		client bool
		shown  []int64 // members with email address and picture
	}{
		"the agency":      {wholeAgency, false, []int64{1, 2, 4}},
		"of one client":   {narrowed, false, []int64{1, 2, 4}},
		"a client's user": {narrowed, true, []int64{1}},
	} {
		t.Run(name, func(t *testing.T) {
			members := func(search string) []directory.Member {
				list, _, err := entities.Members(t.Context(), test.scope, directory.MembersQuery{Search: search, OfDashboards: test.client})
				require.NoError(t, err)
				return list
			}
			var shown, found []int64
			for _, m := range members("") {
				require.Equal(t, m.Email == "", m.Image == "")
				require.Equal(t, new(entityUser(int(m.ID))), m.UserID)
				if m.Email != "" {
					shown = append(shown, m.ID)
				}
			}
			for _, m := range members("@example") {
				found = append(found, m.ID)
			}
			require.Equal(t, [][]int64{test.shown, test.shown}, [][]int64{shown, found})
			require.Len(t, members("member"), 4, "the name is the member's")
		})
	}
}

// A person may sign in for several clients: the members share a connection and its token.
func TestMembersOfSamePersonShareConnection(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	people := directory.People{Pool: log.DB.ReadOnly}
	shared := domain.PersonConnection{ID: domain.FirstComputedID + 1, SecretRef: "grant/77"}
	putConnected(t, log, 3, domain.LinkedIn)
	connection := domain.DirectoryConnection{ID: shared.ID, MemberID: 2, Platform: domain.LinkedIn, SecretRef: shared.SecretRef}
	for id := range int64(2) {
		member, _, page := connected(id+1, domain.LinkedIn)
		page.ConnectionID = shared.ID
		log.Put(t, member, connection, page)
	}
	for member, want := range map[int64][2][]domain.PersonConnection{
		1: {nil, {shared}}, 2: {nil, {shared}}, 3: {{{ID: 103, SecretRef: "connection/3"}}, nil},
	} {
		person, err := people.OfMember(t.Context(), member)
		require.NoError(t, err)
		require.Equal(t, []int64{member}, person.Members)
		require.Equal(t, want, [2][]domain.PersonConnection{person.Connections, person.Shared}, "member %d", member)
	}
	for _, kind := range []string{domain.KindSocialAccount, domain.KindMember} {
		require.NoError(t, log.Append(t.Context(), commands.EraseDraft(kind, "2", time.Now())))
	}
	person, err := people.OfMember(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []domain.PersonConnection{shared}, person.Connections, "the last member that uses it")
}

// A profile that moved to another client belongs to both members of its person.
func TestMovedProfileBelongsToBothMembersOfPerson(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	person := func(account string) int64 { return domain.ComputedMember(agencyA, account, domain.LinkedIn, "ines") }
	_, connection, profile := connected(1, domain.LinkedIn)
	connection.ID, connection.MemberID = domain.FirstComputedID+1, person(clientC)
	profile.AccountID, profile.MemberID, profile.ConnectionID, profile.ExternalID = clientC, person(clientC), connection.ID, "ines"
	for _, account := range []string{clientA, clientC} {
		log.Put(t, domain.DirectoryMember{ID: person(account), AccountID: account, Name: "Ines", Active: true})
	}
	log.Put(t, connection, profile)
	putConnected(t, log, 2, domain.LinkedIn)
	for member, profiles := range map[int64][]int64{person(clientA): {1}, person(clientC): {1}, 2: {2}} {
		found, err := directory.People{Pool: log.DB.ReadOnly}.OfMember(t.Context(), member)
		require.NoError(t, err)
		require.Equal(t, profiles, found.Profiles)
		require.Len(t, found.Connections, 1, "nothing else is read with it")
	}
}

// A page says why it is not connected: the cause is in its record. Without one, the main application
// has disconnected it. What a fetcher finds out about its token afterwards changes nothing.
func TestDisconnectedPageShowsCause(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	for _, cause := range []domain.StatusCode{
		"", domain.StatusErased, domain.StatusDeletionAsked, domain.StatusEndedByAgency, domain.StatusEndedByClient,
	} {
		log.Put(t, domain.DirectorySocialAccount{
			ID: 5, ParentAccount: agencyA, AccountID: clientA, MemberID: 5, ConnectionID: 105, Platform: domain.Facebook, ExternalID: "ext",
			Ended: cause, UpdatedAt: entityDay,
		})
		require.NoError(t, log.Append(t.Context(), refusedToken(105, entityDay)))
		p, err := entities.Platform(t.Context(), wholeAgency, 5)
		require.NoError(t, err)
		if cause == "" {
			cause = domain.StatusEndedInMainApp
		}
		require.Equal(t, domain.ConnectionStatus{
			Status: domain.PageDisconnected, Reasons: []domain.StatusReason{{Code: cause}}, Text: domain.OptionalText(domain.APIText(cause)),
			Since: &entityDay,
		}, p.ConnectionStatus)
	}
}

// refusedToken is the record that a platform no longer accepts a connection's token.
func refusedToken(connection int64, at time.Time) domain.Draft {
	return commands.NewDraft(domain.TopicOperations, agencyA, domain.ConnectionStateChanged{
		ConnectionID: connection, Platform: domain.Facebook, At: at,
		Code: domain.StatusRefused, Answer: &domain.PlatformAnswer{Call: "page", Status: 400, Code: "190"},
	}, at)
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	expires := entityDay.AddDate(0, 1, 0)
	codes := map[int64]domain.StatusCode{
		1: "", 2: domain.StatusOwnQuota, 3: domain.StatusTwoFactor, 4: domain.StatusLasting, 6: domain.StatusAppBlocked, 7: domain.StatusThrottled, 8: "",
	}
	for id := range int64(9) {
		member, connection, page := connected(id+1, domain.Facebook)
		connection.ExpiresAt, page.Connected = &expires, id+1 != 5
		log.Put(t, member, connection, page)
	}
	log.Put(t,
		domain.DirectorySocialAccount{ID: 20, ParentAccount: agencyB, AccountID: clientB, MemberID: 1, Platform: domain.Facebook, Connected: true},
		subscribed(clientA),
		domain.DirectorySubscription{ID: 2, AccountID: clientC, StartsAt: entityDay.AddDate(-9, 0, 0), EndsAt: new(entityDay.AddDate(-8, 0, 0))},
		domain.DirectorySocialAccount{ID: 10, ParentAccount: agencyA, AccountID: clientC, MemberID: 1, Platform: domain.Facebook, Connected: true},
	)
	record(t, log, codes)
	for _, connection := range []int64{107, 108} {
		require.NoError(t, log.Append(t.Context(), refusedToken(connection, entityDay)))
	}
	// signed in again since then; the platform reports no expiry
	store(t, log, "connection/8", domain.SecretTimes{Taken: expires.Add(time.Hour)})
	renewed := expires.AddDate(0, 2, 0)
	signIn := expires.AddDate(1, 0, 0)
	store(t, log, "connection/1", domain.SecretTimes{Taken: entityDay, Expires: renewed, RenewableUntil: signIn})
	store(t, log, "connection/7", domain.SecretTimes{Taken: entityDay.Add(-time.Hour), RenewableUntil: signIn})
	for id, client := range map[int64]string{1: clientA, 8: clientA, 10: clientC} {
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, fmt.Sprint(id), domain.AccountRead{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client, MemberID: id, SocialAccount: id},
			Platform: domain.Facebook, CapturedAt: entityDay, Figures: []domain.Figure{
				{Name: domain.MetricFollowers, Kind: domain.Stock, Value: 5, Source: "followers_count"},
			},
		}, entityDay)))
	}

	platform := func(id int64) directory.ConnectedPlatform {
		got, err := entities.Platform(t.Context(), wholeAgency, id)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, domain.Facebook, platform(7).SignInAt)
	_, grant, _ := connected(7, domain.Instagram)
	log.Put(t, grant)
	require.Equal(t, domain.Instagram, platform(7).SignInAt, "where its person signed in")
	states := map[int64]domain.PageStatus{}
	for _, p := range ledgertest.AllPages(t, 2, func(page readmodels.Page) ([]directory.ConnectedPlatform, readmodels.ListMeta, error) {
		return entities.Platforms(t.Context(), wholeAgency, directory.PlatformsQuery{Page: page, Platforms: domain.Platforms()})
	}) {
		states[p.ID] = p.Status
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "sealed-secret")
	}
	require.Equal(t, map[int64]domain.PageStatus{
		1: "ok", 2: "throttled", 3: "permission", 4: "failing", 5: "disconnected", 6: "blocked", 7: "reconnect", 8: "ok", 9: "waiting", 10: "unsubscribed",
	}, states)
	fine := domain.ConnectionStatus{Status: domain.PageOK, Reasons: []domain.StatusReason{}}
	readings := readingsFor(t, log, directory.ReadingsQuery{})
	require.Len(t, readings, 10, "connected accounts of all agencies")
	require.Equal(t, directory.ConnectionReading{
		PlatformName: "facebook", SocialAccount: 1, Name: "Page 1", Agency: agencyA, AgencyName: "Agency A", AccountID: clientA, AccountName: "Client A", ConnectionID: 101, ConnectionStatus: fine,
		ExpiresAt: &renewed, SignInBefore: &signIn, LastReadAt: &entityDay, NextDue: new(entityDay.Add(time.Hour)), Pace: "every 1 hour, as configured: 2 calls a reading", CallsADay: 48,
		Permissions: domain.Permissions{Ungranted: []domain.UngrantedFigure{}},
	}, readings[0])
	for _, r := range readings {
		require.NotEqual(t, int64(5), r.SocialAccount, "disconnected")
		if r.SocialAccount == 7 {
			require.Equal(t, domain.PageReconnect, r.Status)
			require.EqualValues(t, "The platform no longer grants access. Connect it again: a person must sign in to the platform. "+
				"(page, HTTP 400, code 190)", r.Text)
			require.Equal(t, &entityDay, r.Since)
			require.Nil(t, r.NextDue)
			require.Nil(t, r.SignInBefore)
			require.Empty(t, r.Pace)
			require.Zero(t, r.CallsADay, "it is not read")
		}
	}
	ofOne := readingsFor(t, log, directory.ReadingsQuery{Account: clientC})
	require.Len(t, ofOne, 1)
	require.Equal(t, domain.PageUnsubscribed, ofOne[0].Status)
	require.Equal(t, &entityDay, ofOne[0].LastReadAt, "before it was recorded per account")
	require.EqualValues(t, "No subscription is active, so nothing is read.", platform(10).Text)
	require.Equal(t, &entityDay, platform(10).LastReadAt)

	require.Equal(t, directory.ConnectedPlatform{
		PlatformRef: readmodels.PlatformRef{Platform: domain.Facebook, PlatformName: "facebook"},
		ID:          1, Type: "page", AccountID: clientA, AccountName: "Client A", MemberID: 1, OwnerName: "Member 1",
		ProfileID: "ext1", ProfileName: "Page 1", ConnectionID: 101, SignInAt: domain.Facebook, ConnectionStatus: fine, ExpiresAt: &renewed, SignInBefore: &signIn, TokenStoredAt: &entityDay, LastReadAt: &entityDay,
		NextDue: new(entityDay.Add(time.Hour)), Pace: "every 1 hour, as configured: 2 calls a reading", Permissions: domain.Permissions{Ungranted: []domain.UngrantedFigure{}},
		CreatedAt: &entityDay,
	}, platform(1))
	ledgertest.Exec(t, log.DB.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, due_at, updated_at, reason)
		select $1, $2, id, $3, $3, '{"code": "posts_failed", "posts": 1, "of": 8}' from unnest(array[1, 2, 8]) id`,
		domain.FetchPosts, domain.Facebook, entityDay)
	for id, want := range map[int64]domain.ConnectionStatus{
		1: {
			Status: domain.PageOK, Reasons: []domain.StatusReason{{Code: domain.StatusPostsFailed, Posts: 1, Of: 8}},
			Text: "1 of 8 posts could not be read. Reading them is retried automatically, less and less often.",
		},
		2: {
			Status: domain.PageThrottled, Reasons: []domain.StatusReason{{Code: domain.StatusOwnQuota}},
			Text: "The quota of this service is used up for now. No action is needed. It is read again when the quota allows.",
		},
		8: fine, // signed in again since then
	} {
		p := platform(id)
		require.Equal(t, want, p.ConnectionStatus, id)
		require.Equal(t, id == 2, p.RetryAt != nil, "the totals were read")
	}
	require.Equal(t, &expires, platform(9).ExpiresAt, "no token is stored: the main application's word is all there is")
	require.Nil(t, platform(5).ExpiresAt, "it is disconnected: another page may still use the token")
	throttled, rejected, again := platform(2), platform(7), platform(8)
	require.Equal(t, 3, throttled.Failures)
	require.Equal(t, new(entityDay.Add(time.Hour)), throttled.RetryAt)
	require.Equal(t, throttled.RetryAt, throttled.NextDue)
	require.True(t, domain.HasCode(rejected.Reasons, domain.StatusRefused))
	require.Nil(t, rejected.NextDue, "it waits for a sign-in")
	require.Nil(t, rejected.SignInBefore, "it waits for a sign-in")
	require.Nil(t, again.ExpiresAt, "the token in use is a newer one")
	require.Nil(t, again.SignInBefore)

	for n, q := range map[int]directory.PlatformsQuery{
		1: {Platforms: domain.Platforms(), Status: "throttled"}, 7: {Platforms: domain.Platforms(), Member: 3}, 0: {Platforms: []domain.Platform{domain.TikTok}},
	} {
		list, _, err := entities.Platforms(t.Context(), wholeAgency, q)
		require.NoError(t, err)
		require.Len(t, list, min(n, 1), "%+v", q)
	}
	for _, id := range []int64{20, 99} {
		_, err := entities.Platform(t.Context(), wholeAgency, id)
		require.ErrorIs(t, err, directory.ErrPlatformNotFound)
	}
	_, err := entities.Platform(t.Context(), readmodels.Scope{ParentAccount: agencyA, Accounts: []string{clientC}}, 1)
	require.ErrorIs(t, err, directory.ErrPlatformNotFound, "of a client that the caller does not see")
}

// Agencies see that an operator paused a page; operators also see why. Both see what a token may
// read.
func TestPausedPlatformAndMissingScopesAreShown(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	putConnected(t, log, 1, domain.Facebook)
	log.Put(t, subscribed(clientA))
	ends := entityDay.AddDate(0, 3, 0)
	store(t, log, "connection/1", domain.SecretTimes{
		Taken: entityDay, RenewableUntil: ends, DataAccessUntil: ends, Granted: []string{"pages_read_engagement", "read_insights"},
	})
	pause(t, log, domain.PauseConnection, "101")
	record(t, log, map[int64]domain.StatusCode{1: ""})

	shown, err := entities.Platform(t.Context(), wholeAgency, 1)
	require.NoError(t, err)
	require.Equal(t, domain.PagePaused, shown.Status)
	require.EqualValues(t, "An operator has paused it. Ask the operator of this service.", shown.Text)
	require.Nil(t, shown.NextDue)
	require.Equal(t, &ends, shown.DataAccessExpiresAt)
	lacks := []string{"pages_read_user_content"}
	permissions := domain.Permissions{
		Granted: &[]string{"pages_read_engagement", "read_insights"},
		Ungranted: []domain.UngrantedFigure{
			{Of: domain.FiguresOfPosts, Figure: "comments", Scopes: lacks}, // likes are read from the insights
		},
	}
	require.Equal(t, permissions, shown.Permissions)
	listed := readingsFor(t, log, directory.ReadingsQuery{Connections: []int64{101}})
	require.Len(t, listed, 1)
	require.Equal(t, domain.PagePaused, listed[0].Status)
	require.NotNil(t, listed[0].Since)
	const paused = "An operator has paused it. Resume the connection first. (incident:OPS-1)"
	require.EqualValues(t, paused, listed[0].Text)
	require.Equal(t, permissions, listed[0].Permissions)
	refused := entityDay.Add(time.Hour)
	require.NoError(t, log.Append(t.Context(), refusedToken(101, refused)))
	listed = readingsFor(t, log, directory.ReadingsQuery{Connections: []int64{101}})
	require.Equal(t, domain.PageReconnect, listed[0].Status)
	require.True(t, domain.HasCode(listed[0].Reasons, domain.StatusRefused))
	require.Contains(t, listed[0].Text, paused, "after the sign-in it must also be resumed")
	shown, err = entities.Platform(t.Context(), wholeAgency, 1)
	require.NoError(t, err)
	require.Equal(t, domain.PageReconnect, shown.Status)
	require.Equal(t, []domain.StatusCode{domain.StatusRefused, domain.StatusConnectionPaused},
		[]domain.StatusCode{shown.Reasons[0].Code, shown.Reasons[1].Code})
	require.NotContains(t, shown.Text, "OPS-1")
	require.Empty(t, readingsFor(t, log, directory.ReadingsQuery{Connections: []int64{102}}))
	queue := domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}
	due, _, err := directory.Connections{Pool: log.DB.ReadOnly}.Backlog(t.Context(), queue, entityDay.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Zero(t, due)
}

// Accounts report that their platform is paused, so no new readings are expected, however complete
// their figures are.
func TestAccountsReportAPausedPlatform(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	log.Put(t, subscribed(clientA))
	for _, p := range domain.Platforms() {
		putConnected(t, log, int64(p), p)
	}
	log.Put(t, domain.DirectorySocialAccount{ID: 99, ParentAccount: agencyA, AccountID: clientC, MemberID: 1, Platform: domain.TikTok, ExternalID: "unsubscribed", Name: "Page 99", Connected: true, ConnectionID: 101})
	pause(t, log, domain.PausePlatform, "tiktok")
	unread, err := entities.Platform(t.Context(), wholeAgency, 99)
	require.NoError(t, err)
	require.Equal(t, domain.PageUnsubscribed, unread.Status, "it would not be read anyway")
	require.True(t, domain.HasCode(unread.Reasons, domain.StatusUnsubscribed))
	list, _, err := entities.Platforms(t.Context(), wholeAgency, directory.PlatformsQuery{Platforms: domain.Platforms()})
	require.NoError(t, err)
	shown := map[string][]any{}
	for _, p := range list {
		if p.ID != 99 {
			shown[p.PlatformName] = []any{p.Type, p.Status, string(p.Text)}
		}
	}
	require.Equal(t, map[string][]any{
		"facebook": {"page", domain.PageWaiting, "It has not been read yet."}, "instagram": {"business_account", domain.PageWaiting, "It has not been read yet."},
		"linkedin": {"profile", domain.PageWaiting, "It has not been read yet."},
		"tiktok": {
			"user", domain.PagePaused, "An operator has paused all reading from TikTok. Ask the operator of this service.",
		},
	}, shown)
	readings := readingsFor(t, log, directory.ReadingsQuery{})
	require.Len(t, readings, len(shown)+1)
	for _, r := range readings {
		want := domain.PageWaiting
		if r.SocialAccount == 99 {
			want = domain.PageUnsubscribed
		} else if r.PlatformName == "tiktok" {
			want = domain.PagePaused
			require.Contains(t, r.Text, "incident:OPS-1")
		}
		require.Equal(t, want, r.Status, r.PlatformName)
		require.Equal(t, r.PlatformName == "linkedin", r.Name == "", "the name of a profile is a person's")
	}
}

// readingsFor returns the connections that operators see.
func readingsFor(t *testing.T, log *ledgertest.Log, q directory.ReadingsQuery) []directory.ConnectionReading {
	t.Helper()
	readings, err := directory.Connections{Pool: log.DB.ReadOnly}.Readings(t.Context(), q, entityDay)
	require.NoError(t, err)
	return readings
}

func pause(t *testing.T, log *ledgertest.Log, kind domain.PauseKind, name string) {
	t.Helper()
	pool := ledgertest.OpenVault(t, log.DB.URL)
	_, err := vault.Pauses{Pool: pool}.Pause(t.Context(), domain.Pause{
		Kind: kind, Name: name, Since: entityDay, Actor: "ada", Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
	})
	require.NoError(t, err)
}

// record stores the results of the last reads, like the fetchers.
func record(t *testing.T, log *ledgertest.Log, codes map[int64]domain.StatusCode) {
	t.Helper()
	pool := ledgertest.OpenFetching(t, log.DB.URL)
	fetching, queue := vault.Fetching{Pool: pool}, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: domain.Facebook}
	for id, code := range codes {
		r := domain.FetchResult{SocialAccount: id, Read: code == "", At: entityDay, DueAt: entityDay.Add(time.Hour), Pace: &domain.Pace{Every: time.Hour, Wanted: time.Hour, Calls: 2}}
		if code != "" {
			r.Failures, r.Reason = 3, &domain.StatusReason{Code: code}
		}
		require.NoError(t, fetching.Record(t.Context(), log.Claim(t, queue, id, entityDay), []domain.FetchResult{r}))
	}
}

func store(t *testing.T, log *ledgertest.Log, ref string, times domain.SecretTimes) {
	t.Helper()
	secrets := ledgertest.Secrets(t, ledgertest.OpenVault(t, log.DB.URL), ledgertest.Key)
	require.NoError(t, secrets.Put(t.Context(), ref, []byte("sealed-secret"), times))
}

// The directory refuses a second person with an address exactly if the two could not be told apart
// when one of them signs in.
func TestOneAddressIsOnePerson(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	people, lookup := directory.People{Pool: log.DB.ReadOnly}, directory.Lookup{Pool: log.DB.ReadOnly, Registry: domain.NewRegistry()}
	for i, email := range []string{"Müller@example.com", "mike@example.com", "ΧΡΗΣΤΟΣ@example.com"} {
		log.Put(t, domain.DirectoryUser{ID: entityUser(20 + i), AccountID: agencyA, Name: email, Email: email, Active: true})
	}
	for address, user := range map[string]string{
		"Müller@example.com": entityUser(20), "MÜLLER@EXAMPLE.com": entityUser(20), "mu\u0308ller@example.com": entityUser(20),
		"Mike@example.com": entityUser(21), "χρηστος@example.com": entityUser(22),
		"muller@example.com": "", "mueller@example.com": "", "müller": "", "m%@example.com": "", "": "",
		"mıke@example.com": "", "mİke@example.com": "", "MİKE@example.com": "", // other letters: another person's address
	} {
		found, err := people.ActiveByEmail(t.Context(), address)
		require.NoError(t, err)
		taken, err := lookup.HasEmail(t.Context(), agencyA, address)
		require.NoError(t, err)
		require.Equal(t, user != "", taken, address)
		if user == "" {
			require.Empty(t, found, address)
			continue
		}
		require.Equal(t, []string{user}, found, address)
	}
}

// A sign of another script is another address, even if Unicode's normal form of the sign is in ASCII.
func TestAddressesWithASCIINormalFormAreDistinct(t *testing.T) {
	t.Parallel()
	log, _ := entityStage(t)
	var signs []string
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		if form := norm.NFC.String(string(r)); form[0] <= unicode.MaxASCII && utf8.ValidRune(r) {
			signs = append(signs, string(r))
		}
	}
	require.NotEmpty(t, signs)
	rows, err := log.DB.ReadOnly.Query(t.Context(), `select a || b from unnest($1::text[]) a,
		unnest($1::text[] || array['K', 'k', ';', chr(96)]) b where a <> b and `+readmodels.SameAddress("a", "b"), signs)
	require.NoError(t, err)
	same, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, same)
}
