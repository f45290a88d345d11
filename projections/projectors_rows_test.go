package projections_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

var somePost = domain.PostRef{ParentAccount: agencyA, SocialAccount: 11, ExternalID: "1:7"}

// listed is the listing's content of somePost, some hours after day0; "" erases it.
func listed(hours int, text string) domain.Draft {
	content := domain.PostContent{PostRef: somePost, AccountID: agencyA, Origin: domain.OriginListing, PostTexts: domain.PostTexts{Content: text}}
	d := draft(domain.TopicContents, content.Key(), "said "+text, content)
	d.Envelope.Time = day0.Add(time.Duration(hours) * time.Hour)
	if text == "" {
		d.Data, d.Envelope.Type = nil, content.EventType()
	}
	return d
}

func listedEvent(hours int, text string) fold.Event {
	d := listed(hours, text)
	return fold.Event{Recorded: domain.Recorded{Key: d.Key, Envelope: d.Envelope, Data: d.Data}}
}

// The last record of a key counts, regardless of batches.
func TestLastRecordOfPostWins(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, tt := range map[string]struct {
		events []fold.Event
		want   string // "": no row
	}{
		"said once":                   {[]fold.Event{listedEvent(1, "a")}, "a"},
		"said twice":                  {[]fold.Event{listedEvent(1, "a"), listedEvent(1, "a")}, "a"},
		"changed":                     {[]fold.Event{listedEvent(1, "a"), listedEvent(2, "b")}, "b"},
		"an older one arrives late":   {[]fold.Event{listedEvent(2, "b"), listedEvent(1, "a")}, "a"},
		"erased":                      {[]fold.Event{listedEvent(1, "a"), listedEvent(2, "")}, ""},
		"erased before it arrived":    {[]fold.Event{listedEvent(2, "")}, ""},
		"sent again after an erasure": {[]fold.Event{listedEvent(1, "a"), listedEvent(2, ""), listedEvent(3, "c")}, "c"},
	} {
		for _, batches := range [][][]fold.Event{slices.Collect(slices.Chunk(tt.events, 1)), {tt.events}} {
			db.Delete(t, "post_contents")
			ledgertest.Fold(t, db, projectors.Contents, batches...)
			var got string
			require.NoError(t, db.Pool.QueryRow(t.Context(), "select coalesce(max(content), '') from post_contents").Scan(&got))
			require.Equal(t, tt.want, got, "%s, %d batches", name, len(batches))
		}
	}
}

// The trail says who did what, and separates operations that concern no single agency.
func TestOperationsTrailRecordsActors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own := draft(domain.TopicOperations, agencyA, "mine", domain.OperatorFinished{Of: "why"})
	own.Envelope.Audit = domain.Audit{Actor: "ada", Role: "operator", RequestID: "r1"}
	b.append(own, draft(domain.TopicOperations, domain.OperationsKeyAll, "all", domain.OperatorFinished{Of: "x"}))
	b.run(b.engine(projectors.Operations))
	type row struct{ ID, Parent, Type, Actor, Role, Request, Of string }
	list := ledgertest.Rows[row](t, b.db.Pool, `
		select event_id, parent_account, event_type, actor, role, request_id, data->>'of' from operations_trail where actor <> 'system:log' order by event_id desc`)
	require.Equal(t, []row{
		{"mine", agencyA, "operations.operator_finished.v1", "ada", "operator", "r1", "why"},
		{"all", domain.OperationsKeyAll, "operations.operator_finished.v1", "", "", "", "x"},
	}, list)
}

// Each user gets one notice per record, about the most serious change, also in tables folded from
// zero.
func TestOneNoticeForEachRecordAndUser(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	const client3, client4 = "a30000000000000000000000", "a40000000000000000000000"
	linked := []string{client1, client2, client3, client4}
	set := domain.DashboardChange{
		Primary: client1, Linked: linked, Users: []string{"both", "gone", "stays", "split"}, AllowClientDashboard: true,
		Scopes: []string{"posts"}, MainPOC: map[string][]string{}, Created: map[string]string{},
	}
	for _, account := range linked {
		set.Created[account] = domain.NewDashboardID(l.key, account)
	}
	l.put(l.next(domain.AccountsLinked{DashboardChange: set}))
	require.Zero(t, l.count("select count(*) from access_notices"))

	split := set
	split.Linked, split.Users, split.AllowClientDashboard, split.Created = linked[:3], []string{"stays"}, false, nil
	split.Split = []domain.SplitDashboard{{SubAccountID: client4, Users: []string{"both", "split"}}}
	split.LostAccess = []string{"both", "gone", "split", "stays"} // stays has left the list of client4
	l.put(l.next(domain.AccountsUnlinked{DashboardChange: split}))
	closed := set
	closed.Primary, closed.Linked, closed.Users, closed.Created, closed.AllowClientDashboard = client4, linked[3:], []string{"both", "split"}, nil, false
	l.put(l.next(domain.DashboardSettingsChanged{DashboardChange: closed}))

	require.Equal(t, []string{
		"2 both client_access_removed", "2 gone client_access_removed", "2 split client_access_removed", "2 stays client_access_removed",
		"3 both board_closed", "3 split board_closed",
	}, ledgertest.Column[string](t, l.db.Pool, "select version || ' ' || user_id || ' ' || kind from access_notices order by version, user_id"))
	l.sameFromZero(dashboards)
}
