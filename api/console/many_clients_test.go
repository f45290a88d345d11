package console_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

var manyClients = flag.Int("clients", 600, "number of clients of the largest agency in tests")

func numbered(prefix string, i int) string { return fmt.Sprintf("%s%0*x", prefix, 24-len(prefix), i) }

// grow adds clients from one number to another. Each has a user, a member with a token, and two pages
// that were read several times; every fiftieth waits for a sign-in, and another is disconnected. The
// agency and the bakery get as many people, and the bakery many pages.
func (r *real) grow(from, to int) {
	r.t.Helper()
	var drafts []domain.Draft
	add := func(entity domain.DirectoryEntity) {
		drafts = append(drafts, commands.EntityDraft(entity, time.UnixMicro(int64(1e9+from*100+len(drafts)))))
	}
	page := func(id, member int64, account string, p domain.Platform) domain.DirectorySocialAccount {
		return domain.DirectorySocialAccount{
			ID: id, ParentAccount: agency, AccountID: account, MemberID: member, ConnectionID: member, Platform: p,
			ExternalID: fmt.Sprint("x", id), Name: fmt.Sprintf("Page %05d", id), Connected: true,
		}
	}
	for i := from; i < to; i++ {
		client, member := numbered("c", i), int64(100_000+i)
		add(domain.DirectoryAccount{ID: client, RowID: member, ParentAccount: agency, Name: fmt.Sprintf("Client %05d", i), Active: true})
		for prefix, account := range map[string]string{"d1": client, "d2": agency, "d3": bakery} {
			add(domain.DirectoryUser{ID: numbered(prefix, i), AccountID: account, Name: fmt.Sprintf("User %05d", i), Active: true})
		}
		add(domain.DirectoryMember{ID: member, AccountID: client, Name: fmt.Sprintf("Member %05d", i), Active: true})
		add(domain.DirectoryConnection{ID: member, MemberID: member, Platform: domain.Facebook, SecretRef: fmt.Sprint("token ", member)})
		if i < api.MaxPageLimit/2 { // its page lists them all
			add(page(300_000+member, member, bakery, domain.LinkedIn))
		}
		for k, platform := range []domain.Platform{domain.Facebook, domain.Instagram} {
			p := page(2*member+int64(k), member, client, platform)
			switch i % 50 {
			case 7:
				p.Connected, p.Ended = false, domain.StatusDeauthorized
			case 9:
				p.Connected = false
			}
			add(p)
			for _, days := range []int{50, 29, 10, 1} {
				at := r.now.AddDate(0, 0, -days).Truncate(time.Microsecond)
				drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, fmt.Sprint(p.ID), domain.AccountRead{
					Tenant:   domain.Tenant{ParentAccount: agency, AccountID: client, MemberID: member, SocialAccount: p.ID},
					Platform: platform, CapturedAt: at,
					Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: int64(1000 + i - days), Source: "followers_count"}},
				}, at))
			}
		}
	}
	for batch := range slices.Chunk(drafts, 2000) {
		for _, err := range r.log.AppendBatch(r.t.Context(), batch) {
			require.NoError(r.t, err)
		}
	}
	ledgertest.Exec(r.t, r.log.DB.Pool, `
		insert into kept.secrets (ref, key_id, sealed, updated_at, granted)
		select secret_ref, 'k', '', now() - interval '3 days', 'pages_read_engagement read_insights pages_read_user_content instagram_basic instagram_manage_insights'
		from tMemberAuth where secret_ref <> '' on conflict do nothing`)
	ledgertest.Exec(r.t, r.log.DB.Pool, `
		insert into kept.fetch_state (kind, p_id, social_account_id, read_at, due_at, updated_at)
		select k, p_id, id, now(), current_timestamp, now() from tSAccounts, unnest(array['account_insights', 'post_insights']) k on conflict do nothing`)
	ledgertest.Exec(r.t, r.log.DB.Pool, "analyze")
}

// A page needs as many statements for thousands of clients, people and pages as for fifty. With
// -v -clients=5000, the test says how long the start page takes.
func TestStatementCountIsIndependentOfRows(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	b := r.signedIn("agency")
	count := func() map[string]int {
		of := map[string]int{}
		for _, path := range []string{
			"", "/clients?q=client", "/colleagues", "/history", "/access", "/zone",
			"/clients/" + bakery + "/board", "/clients/" + bakery + "/people", "/clients/" + bakery + "/connections",
			"/clients/" + bakery + "/figures", "/clients/" + bakery + "/report", "/clients/" + bakery + "/history",
			"/people/" + clara, "/connect",
		} {
			r.statements.Take()
			b.get("/console" + path).says(http.StatusOK)
			of[path] = len(r.statements.Take())
		}
		return of
	}
	share := func(n int) { // the board of the bakery with its people
		users := []string{clara}
		for i := range n {
			users = append(users, numbered("d3", i))
		}
		r.share(t, bakery, []string{bakery}, users...)
	}
	r.grow(0, 50)
	share(50)
	few := count()
	r.grow(50, *manyClients)
	share(*manyClients)
	many := count()
	t.Log("statements by page:", many)
	require.Equal(t, few, many)

	b.get("/console").says(http.StatusOK, "Client 00000", "Client 00007: reconnect Facebook")
	var took []time.Duration
	for range 10 {
		began := time.Now()
		b.get("/console")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("the start page of %d clients: median %s of %s", *manyClients, took[5], took)
}
