package connect_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// saidByMeta are signed requests by their texts.
type saidByMeta map[string]platforms.SignedRequest

func (s saidByMeta) Signed(raw string) ([]platforms.SignedRequest, error) {
	if one, ok := s[raw]; ok {
		return []platforms.SignedRequest{one}, nil
	}
	return nil, platforms.ErrNotSigned
}

// hearMeta has Meta say of a person what it is asked for, at an instant, as the text "said".
func (s *stage) hearMeta(person string, at time.Time) (asked *int) {
	asked = new(int)
	s.Meta = saidByMeta{"said": {Platform: domain.Facebook, Person: person, IssuedAt: at.Truncate(time.Second), Code: "c0de"}}.Signed
	s.Asked = func() { *asked++ }
	return asked
}

// changes are the records of connections that wait for a sign-in, by who made them.
func (s *stage) changes() (actors []string) {
	s.t.Helper()
	rows, err := s.log.DB.ReadOnly.Query(s.t.Context(), `select actor from operations_trail where event_type = $1`, domain.ConnectionStateChanged{}.EventType())
	require.NoError(s.t, err)
	actors, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return actors
}

func TestMetaDeauthorizationStopsPagesOfPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ours := s.connected("1001")
	rivals := s.connects(ofRival(domain.Facebook), "1.0.1001").Connected[0].SocialAccountID
	s.dialog.consent = consent("88", page("2001"))
	another := s.connects(facebook(south), "1.0.2001").Connected[0].SocialAccountID
	all := []int64{ours, rivals, another}
	require.ElementsMatch(t, all, s.due(domain.Facebook))

	s.hearMeta("77", s.now.Add(-time.Hour))
	require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
	require.ElementsMatch(t, all, s.due(domain.Facebook), "it was said before the last consent")
	s.hearMeta("nobody", s.now.Add(time.Hour))
	require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"), "who is not known is answered alike")
	require.ErrorIs(t, s.metaCalls().Deauthorized(t.Context(), "forged"), platforms.ErrNotSigned)
	require.ElementsMatch(t, all, s.due(domain.Facebook))

	s.now = s.now.Add(time.Hour)
	s.hearMeta("77", s.now)
	for range 2 {
		require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
		require.Equal(t, []int64{another}, s.due(domain.Facebook))
		require.Equal(t, []string{"system:meta", "system:meta"}, s.changes(), "once for each agency's connection, however often it is said")
	}
	require.Empty(t, s.tokens(personRef(domain.Facebook, "77")))
	require.Empty(t, s.pageToken("1001"))
	// A new consent renews everything that depended on the old one. Repeating the earlier request
	// changes nothing.
	s.now = s.now.Add(time.Hour)
	s.connected("1001")
	require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
	require.ElementsMatch(t, all, s.due(domain.Facebook))
}

// A page that waits for a sign-in for another reason gets the reason that Meta gives.
func TestMetaDeletionReplacesReasonOfWaitingPage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001", "1002")
	s.now = s.now.Add(time.Hour)
	s.connected("1001") // the person clears the other page at the platform
	var page int64
	require.NoError(t, s.log.DB.ReadOnly.QueryRow(t.Context(), `select connection_id from tSAccounts where external_id = '1002'`).Scan(&page))
	refused := domain.ConnectionStateChanged{ConnectionID: page, Platform: domain.Facebook, Code: domain.StatusRefused, At: s.now}
	require.NoError(t, s.log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agency, refused, s.now)))
	s.now = s.now.Add(time.Hour)
	s.hearMeta("77", s.now)
	for range 2 {
		_, err := s.metaCalls().DeletionAsked(t.Context(), "said")
		require.NoError(t, err)
	}
	require.Len(t, slices.DeleteFunc(s.changes(), func(actor string) bool { return actor != domain.ActorMeta }), 1)
}

// deleted says whether a deletion request is done.
func (s *stage) deleted(code string) bool {
	s.t.Helper()
	state, err := s.metaCalls().Deletion(s.t.Context(), code)
	require.NoError(s.t, err)
	return state.DoneAt != nil
}

var errBehind = errors.New("the tables are behind the log")

// eraseFurther makes one step of a deletion request. behind is the error with which the tables do not show
// earlier erasures.
func (s *stage) eraseFurther(r domain.DeletionRequest, behind error, erase func(domain.Person, domain.ErasureOrder)) (done bool) {
	s.t.Helper()
	done, err := s.metaCalls().EraseFurther(s.t.Context(), r, func(context.Context) error { return behind },
		directory.People{Pool: s.log.DB.ReadOnly}.OfMemberAlone,
		func(_ context.Context, p domain.Person, o domain.ErasureOrder) error {
			erase(p, o)
			return nil
		})
	require.Equal(s.t, behind, err)
	return done
}

// A sign-in that waits for a choice ends: its tokens and the person's name are deleted with it.
func TestDeletionEndsPendingChoices(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(s *stage) error{
		"deletion": func(s *stage) error {
			_, err := s.metaCalls().DeletionAsked(s.t.Context(), "said")
			return err
		},
		"removed app": func(s *stage) error { return s.metaCalls().Deauthorized(s.t.Context(), "said") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.dialog.consent = consent("77", page("1001"))
			earlier, _ := s.signIn(facebook(north))
			s.now = s.now.Add(time.Minute)
			s.hearMeta("77", s.now.Add(-time.Second))
			later, view := s.signIn(facebook(south))
			for range 2 {
				require.NoError(t, call(s))
				_, err := s.View(t.Context(), earlier, browser, s.still)
				require.ErrorContains(t, err, "The tokens were deleted")
				require.Empty(t, s.tokens("connect/"+earlier))
			}
			s.choose(later, view, "1.0.1001")
		})
	}
}

// The platform knows who signed in, but not which ledgerboard user that was: the member is erased,
// and the user and its other members stay.
func TestMetaDeletionErasesMemberButKeepsUser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	connected := s.connected("1001")
	s.now = s.now.Add(time.Hour)
	asked := s.hearMeta("77", s.now)
	first, err := s.metaCalls().DeletionAsked(t.Context(), "said")
	require.NoError(t, err)
	require.Equal(t, connect.DeletionAnswer{URL: public + "/connect/meta/delete/c0de", Code: "c0de"}, first)
	again, err := s.metaCalls().DeletionAsked(t.Context(), "said")
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 2, *asked)
	require.Empty(t, s.due(domain.Facebook), "nothing is read from now on")
	require.False(t, s.deleted("c0de"))
	_, err = s.metaCalls().Deletion(t.Context(), "another")
	require.ErrorIs(t, err, connect.ErrDeletionUnknown)
	_, err = s.metaCalls().DeletionAsked(t.Context(), "forged")
	require.ErrorIs(t, err, platforms.ErrNotSigned)

	claimed, found, err := s.kept.ClaimDeletion(t.Context(), s.now)
	require.NoError(t, err)
	require.True(t, found)
	var erased []domain.Person
	var order domain.ErasureOrder
	member := domain.ComputedMember(agency, north, domain.Facebook, "77")
	s.log.Put(
		t, domain.DirectoryUser{ID: client, AccountID: north, Name: "Carol", Active: true},
		domain.DirectoryMember{ID: member, AccountID: north, UserID: client, Name: "Carol", Active: true},
		domain.DirectoryMember{ID: 5, AccountID: north, UserID: client, Name: "Carol", Active: true},
	)
	erase := func(p domain.Person, o domain.ErasureOrder) {
		erased, order = append(erased, p), o
		said := p.Erased()
		said.Order = o
		require.NoError(t, s.log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, p.ParentAccount, said, s.now)))
		for _, member := range p.Members {
			require.NoError(t, s.log.Append(t.Context(), commands.EraseDraft(domain.KindMember, decimal(member), s.now)))
		}
	}
	require.False(t, s.eraseFurther(claimed, errBehind, erase))
	require.Empty(t, erased, "what the tables do not show yet would not be erased")
	require.False(t, s.eraseFurther(claimed, nil, erase))
	require.Len(t, erased, 1)
	require.Equal(t, []int64{member}, erased[0].Members)
	require.Empty(t, erased[0].User)
	require.Empty(t, erased[0].Sessions)
	require.Equal(t, connected, erased[0].Pages[0].ID)
	require.NoError(t, order.Validate())
	require.Equal(t, domain.ErasureOrder{By: "platform", Ground: "consent_withdrawn", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonCustomerRequest, Ticket: "c0de"}}, order)
	require.True(t, s.eraseFurther(claimed, nil, erase))
	require.True(t, s.deleted("c0de"))
}

// A request from before the last consent does not cover that consent: it is done, and nothing is
// erased.
func TestMetaDeletionBeforeConsentErasesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001")
	s.hearMeta("77", s.now.Add(-time.Hour))
	_, err := s.metaCalls().DeletionAsked(t.Context(), "said")
	require.NoError(t, err)
	require.True(t, s.deleted("c0de"))
	require.Len(t, s.due(domain.Facebook), 1)
}

// A request does not cover what the person connects later: the request ends, and nothing more is
// erased.
func TestMetaDeletionKeepsLaterConsent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.connected("1001")
	s.now = s.now.Add(time.Hour)
	s.hearMeta("77", s.now)
	_, err := s.metaCalls().DeletionAsked(t.Context(), "said")
	require.NoError(t, err)
	claimed, _, err := s.kept.ClaimDeletion(t.Context(), s.now)
	require.NoError(t, err)
	erase := func(domain.Person, domain.ErasureOrder) { require.Fail(t, "what was given since is erased") }
	s.now = s.now.Add(time.Minute)
	s.connects(facebook(north), "1.0.1001")
	require.False(t, s.eraseFurther(claimed, errBehind, erase), "who was erased before is not shown yet")
	require.False(t, s.deleted("c0de"))
	require.True(t, s.eraseFurther(claimed, nil, erase))
	require.True(t, s.deleted("c0de"))
}

func TestConsentDuringMetaDeauthorizationIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	connected := s.connected("1001")
	s.now = s.now.Add(time.Hour)
	s.hearMeta("77", s.now)
	s.Store = storeBefore{Store: s.kept, stopGrant: func(g domain.GrantKey) { // the person consents again
		require.NoError(t, s.kept.KeepGrant(t.Context(), domain.Grant{GrantKey: g, ConsentedAt: s.now.Add(time.Second)}, g.ConnectionID(agency)))
	}}
	require.NoError(t, s.metaCalls().Deauthorized(t.Context(), "said"))
	require.Equal(t, []int64{connected}, s.due(domain.Facebook))
	require.Empty(t, s.changes(), "the tokens were not deleted, so nothing waits")
}
