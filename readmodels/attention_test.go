package readmodels_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// attentionPage is a page of a client: how it is connected, and what its last reading said.
type attentionPage struct {
	ended  domain.StatusCode // why it is not connected; connected if empty
	ends   bool              // disconnected by the main application, which gives no reason
	paused bool              // by an operator
	failed domain.StatusCode
	scopes []string // of its token
}

// Each client has what its name says. Sign-ins come first, then boards that no one can open, then the
// rest; within a kind the agency comes first.
func TestAttentionListOrderAndReasons(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	log.Put(t, subscribed(agencyA))
	fine := attentionPage{scopes: []string{"pages_read_engagement", "read_insights", "pages_read_user_content"}}
	waits := attentionPage{failed: domain.StatusRefused}
	clients := []struct {
		name  string
		pages []attentionPage
		want  []string // kind, platform, pages and first page; and its text
	}{
		{"agency", []attentionPage{waits}, []string{"sign_in facebook 1 Page 1: " + domain.APIText(domain.StatusRefused)}},
		{"all disconnected", []attentionPage{{ended: domain.StatusEndedInMainApp}, {ends: true}}, []string{"not_read  2 : "}},
		{"blocked", []attentionPage{{failed: domain.StatusBlocked}, fine}, []string{"figures facebook 1 Page 1: " + domain.APIText(domain.StatusBlocked)}},
		{"declined", []attentionPage{{scopes: []string{"read_insights"}}, {scopes: []string{"read_insights"}}}, []string{"permissions  2 : "}},
		{"disconnected one of two", []attentionPage{{ended: domain.StatusEndedByAgency}, fine}, nil},
		{"fine", []attentionPage{fine, {}}, nil},
		{"paused", []attentionPage{{paused: true}, {paused: true}}, []string{"not_read  2 : " + domain.APIText(domain.StatusConnectionPaused)}},
		{"paused one of two", []attentionPage{{paused: true}, fine}, nil},
		{"removed our app", []attentionPage{{ended: domain.StatusDeauthorized}}, []string{"sign_in facebook 1 Page 1: " + domain.APIText(domain.StatusDeauthorized)}},
		{"removed our app and paused", []attentionPage{{ended: domain.StatusDeauthorized}, {paused: true}}, []string{
			"sign_in facebook 1 Page 1: " + domain.APIText(domain.StatusDeauthorized),
			"not_read  2 : " + domain.APIText(domain.StatusConnectionPaused),
		}},
		{"waits for two", []attentionPage{waits, waits}, []string{"sign_in facebook 2 Page 1: " + domain.APIText(domain.StatusRefused)}},
		{"works again alone", []attentionPage{{failed: domain.StatusRetry}, {failed: domain.StatusThrottled}, {failed: domain.StatusNoData}}, nil},
	}
	accounts, want, id := map[string]string{}, map[string][]string{}, int64(0)
	for i, client := range clients {
		account := agencyA
		if client.name != "agency" {
			account = fmt.Sprintf("cc%022d", i)
			log.Put(t, domain.DirectoryAccount{ID: account, RowID: int64(100 + i), ParentAccount: agencyA, Name: client.name, Active: true})
		}
		accounts[account], want[account] = client.name, client.want
		for n, page := range client.pages {
			id++
			member, connection, social := connected(id, domain.Facebook)
			member.AccountID, social.AccountID, social.Name = account, account, fmt.Sprint("Page ", n+1)
			social.Connected, social.Ended = page.ended == "" && !page.ends, page.ended
			log.Put(t, member, connection, social)
			if page.scopes != nil {
				store(t, log, connection.SecretRef, domain.SecretTimes{Taken: entityDay.Add(-time.Hour), Granted: page.scopes})
			}
			if page.paused {
				pause(t, log, domain.PauseConnection, fmt.Sprint(connection.ID))
			}
			if social.Connected && !page.paused {
				record(t, log, map[int64]domain.StatusCode{id: page.failed})
			}
		}
	}
	got := map[string][]string{}
	all, err := entities.Attention(t.Context(), agencyA)
	require.NoError(t, err)
	for _, c := range all {
		platform := ""
		if c.Platform != nil {
			platform = c.Platform.String()
		}
		got[c.AccountID] = append(got[c.AccountID], fmt.Sprintf("%s %s %d %s: %s", c.Kind, platform, c.Pages, c.PageName, c.Text))
	}
	for account, name := range accounts {
		require.Equal(t, want[account], got[account], name)
	}
	require.Equal(t, agencyA, all[0].AccountID, "the agency first")

	// Boards: one that no one may open, and one whose only person is not active.
	updates := log.Dashboards(t, time.Now)
	board := func(client string, users ...string) {
		_, err := updates.Update(t.Context(), commands.UpdateDashboard{
			Caller: commands.Caller{ParentAccount: agencyA, UserID: entityUser(1), Role: "agency", RequestID: "r"},
			Change: domain.UpdateDashboard{Primary: client, Users: &users, AllowClientDashboard: new(true)},
		})
		require.NoError(t, err)
	}
	log.Put(t,
		domain.DirectoryUser{ID: entityUser(2), AccountID: clientA, Name: "Active", Active: true},
		domain.DirectoryUser{ID: entityUser(3), AccountID: clientC, Name: "Not active"})
	board(clientA, entityUser(2))
	board(clientC, entityUser(3))
	unseen := func() (found []directory.Concern) {
		all, err := entities.Attention(t.Context(), agencyA)
		require.NoError(t, err)
		for _, c := range all {
			if c.Kind == directory.ConcernBoard {
				found = append(found, c)
			}
		}
		return found
	}
	require.Equal(t, []directory.Concern{{Kind: directory.ConcernBoard, AccountID: clientC, AccountName: "Client C", ListedUsers: 1}}, unseen())
	board(clientA)
	require.Len(t, unseen(), 2)

	others, err := entities.Attention(t.Context(), agencyB)
	require.NoError(t, err)
	require.Empty(t, others, "of another agency")
}

// The number of statements does not depend on the number of pages.
func TestAttentionListTakesTwoStatements(t *testing.T) {
	t.Parallel()
	log, entities := entityStage(t)
	var statements *pgtest.Statements
	entities.Pool, statements = pgtest.Traced(t, log.DB.ReadOnly)
	for id := range int64(3) {
		putConnected(t, log, id+1, domain.Facebook)
		statements.Take()
		_, err := entities.Attention(t.Context(), agencyA)
		require.NoError(t, err)
		require.Len(t, statements.Take(), 4, "with the beginning and the end of the snapshot")
	}
}
