package commands_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	movedAgency = "a00000000000000000000001"
	movedUser   = "d00000000000000000000001"
)

func movedAccount(n int) string { return fmt.Sprintf("c%023d", n) }

// movingStage is a log with an agency whose old dashboards, linked in pairs, are to be imported.
type movingStage struct {
	*ledgertest.Log

	facts     domain.ImportFacts
	documents []domain.ImportedDashboard
	before    func(n int) // runs before the n-th append of the import
	appends   int
}

func newMovingStage(t *testing.T, accounts int) *movingStage {
	t.Helper()
	s := &movingStage{Log: ledgertest.New(t), before: func(int) {}}
	s.facts = domain.ImportFacts{ParentAccount: movedAgency, Accounts: map[string]bool{}, UserAccounts: map[string]string{movedUser: movedAgency}, Now: time.Now()}
	entities := []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: movedAgency, Name: "Agency", Active: true}, domain.DirectoryUser{ID: movedUser, AccountID: movedAgency, Active: true},
	}
	for n := range accounts {
		id, first := movedAccount(n), n-n%2
		s.facts.Accounts[id] = true
		entities = append(entities, domain.DirectoryAccount{ID: id, ParentAccount: movedAgency, Name: "Client", Active: true})
		s.documents = append(s.documents, domain.ImportedDashboard{
			DocumentID: fmt.Sprintf("e%023d", n), SubAccountID: id, SubAccountIDs: []string{movedAccount(first), movedAccount(first + 1)},
			Users: []string{movedUser}, CreatedAt: time.Unix(1e9, 0).UTC(), UpdatedAt: time.Unix(1e9+int64(n), 0).UTC(),
		})
	}
	s.Put(t, entities...)
	return s
}

// Append is a log with several writers: a record that lost its race is accepted and has no effect.
func (m *movingStage) Append(ctx context.Context, d domain.Draft) error {
	m.appends++
	m.before(m.appends)
	head, err := m.stream(ctx, d.Key)
	if err != nil {
		return err
	}
	if d.Envelope.Chain.Version <= head.Head.Version {
		return nil
	}
	return m.Log.Append(ctx, d)
}

// stream judges and folds the records like readers of the log.
func (m *movingStage) stream(_ context.Context, parent string) (commands.ImportStream, error) {
	var head domain.StreamHead
	dashboards := map[string]domain.Dashboard{}
	changed := map[string]bool{}
	for _, r := range m.Records(domain.TopicDashboards) {
		verdict, next, reason := eventlog.Judge(head, r, m.Partitions(domain.TopicDashboards))
		if verdict != eventlog.Effective {
			return commands.ImportStream{}, fmt.Errorf("%s: %s", verdict, reason)
		}
		head = next
		recorded, err := m.Decode(r)
		if err != nil {
			return commands.ImportStream{}, err
		}
		event := recorded.Data.(domain.DashboardEvent) //nolint:forcetypeassert // nothing else is appended here
		revisions, err := event.Change().Fold(parent, head.Version, recorded.Envelope.Time, dashboards)
		if err != nil {
			return commands.ImportStream{}, err
		}
		for _, r := range revisions {
			dashboards[r.After.SubAccountID] = r.After
			changed[r.After.SubAccountID] = changed[r.After.SubAccountID] || event.EventType() != "dashboard.opened.v1"
		}
	}
	out := commands.ImportStream{Head: head, Present: map[string]domain.PresentDashboard{}}
	if head.Version == 0 {
		out.Head.Hash = eventlog.Genesis(domain.TopicDashboards, parent)
	}
	for id, d := range dashboards {
		out.Present[id] = domain.PresentDashboard{Dashboard: d, OnlyOpened: !changed[id]}
	}
	return out, nil
}

func (m *movingStage) use() commands.ImportDashboards {
	return commands.ImportDashboards{Stream: m.stream, Log: m, Now: time.Now}
}

func (m *movingStage) count(t *testing.T, query string) int {
	t.Helper()
	return ledgertest.Value[int](t, m.DB.Pool, query)
}

// Many dashboards fit into few records, a set is never divided, and a second import appends
// nothing.
func TestImportDashboardsIsBatchedAndIdempotent(t *testing.T) {
	t.Parallel()
	s := newMovingStage(t, 1000)
	cut, killed := s.use(), errors.New("killed")
	cut.Log = ledgertest.Append(func(context.Context, domain.Draft) error { return killed })
	_, err := cut.Import(t.Context(), s.facts, s.documents)
	require.ErrorIs(t, err, killed)
	plan, err := s.use().Import(t.Context(), s.facts, s.documents)
	require.NoError(t, err)
	require.Len(t, plan.Sets, 500)
	records := len(s.Records(domain.TopicDashboards))
	require.Greater(t, records, 1, "no record grows without bound")
	require.Less(t, records, 10)
	require.Equal(t, 1000, s.count(t, "select count(*) from dashboard_preferences where cardinality(sub_account_ids) = 2 and created_at = to_timestamp(1e9)"))
	require.Equal(t, 1000, s.count(t, "select count(*) from dashboard_history where actor = 'system:import'"))
	require.Equal(t, 0, s.count(t, "select count(*) from access_notices"), "moving in takes nobody's access")

	again, err := s.use().Import(t.Context(), s.facts, s.documents)
	require.NoError(t, err)
	require.Equal(t, 1000, again.Unchanged)
	require.Len(t, s.Records(domain.TopicDashboards), records)
}

// The agency keeps changing dashboards: its change is never overwritten, and the chain never
// breaks.
func TestImportNeverOverwritesConcurrentChange(t *testing.T) {
	t.Parallel()
	s := newMovingStage(t, 1000)
	updates := s.Dashboards(t, time.Now)
	change := func(account string) {
		caller := commands.Caller{ParentAccount: movedAgency, UserID: movedUser, Role: "agency", RequestID: "r"}
		update(t, updates, commands.UpdateDashboard{Caller: caller, Change: domain.UpdateDashboard{Primary: account, Scopes: &[]string{"mine"}}})
	}
	s.before = func(n int) {
		if n < 4 { // before the import's own record, each time: it loses, decides again, and wins in the end
			change(movedAccount(990 + 2*n))
		}
	}
	_, err := s.use().Import(t.Context(), s.facts, s.documents)
	require.NoError(t, err)
	require.Equal(t, 3, s.count(t, "select count(*) from dashboard_preferences where scopes = '{mine}'"))
	require.Equal(t, 1000, s.count(t, "select count(*) from dashboard_preferences"))
	require.Equal(t, 994, s.count(t, "select count(*) from dashboard_preferences where cardinality(sub_account_ids) = 2"), "a link needs both sides")
	_, err = s.stream(t.Context(), movedAgency)
	require.NoError(t, err, "the chain holds")
}

// A stored token is kept, an empty one is never stored, and neither is in the log. The dry pass
// reports the same and stores nothing.
func TestImportedTokensAreStoredButNotLogged(t *testing.T) {
	t.Parallel()
	world := commands.NewImportWorld()
	member := domain.DirectoryMember{ID: 7, AccountID: movedAccount(1)}
	require.True(t, world.Put(domain.EntityKey(member), member, ledgertest.Later()))
	secrets := importSecrets{}
	use := commands.Import{World: world, Secrets: secrets, Now: time.Now()}
	row := commands.ImportedToken{DirectoryConnection: domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.TikTok}, AccessToken: "invented"}
	seals := func(outcome commands.SecretOutcome, stored string) {
		t.Helper()
		drafts, err := use.Drafts(row)
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", drafts), "invented")
		connection := drafts[0].Data.(domain.DirectoryConnection) //nolint:forcetypeassert // it must be one
		before := string(secrets[connection.SecretRef])
		for _, write := range []bool{false, true} {
			require.Equal(t, before, string(secrets[connection.SecretRef]))
			got, err := use.SealTokens(t.Context(), connection, row.Stored(), write)
			require.NoError(t, err)
			require.Equal(t, outcome, got)
		}
		require.Equal(t, stored, string(secrets[connection.SecretRef]))
	}
	const first = `{"access_token":"invented"}`
	seals(commands.SecretStored, first)
	secrets["connection/70"] = []byte("renewed")
	seals(commands.SecretKept, "renewed")

	// If a person must sign in, a different token in the row is that of the new sign-in.
	secrets["connection/70"] = []byte(`{"access_token":"dead","refresh_token":"stays"}`)
	stored, waits := time.Now().Add(-time.Hour), time.Now()
	use.Places = places{70: domain.TokenPlace{StateCode: domain.StatusRefused, StoredAt: &stored, StateAt: &waits}}
	seals(commands.SecretReplaced, `{"access_token":"invented","refresh_token":"stays"}`)
	seals(commands.SecretKept, `{"access_token":"invented","refresh_token":"stays"}`)
	for _, safe := range []domain.TokenPlace{{}, {StateAt: &waits}, {StateCode: domain.StatusRefused, StoredAt: &waits, StateAt: &stored}} {
		use.Places, secrets["connection/70"] = places{70: safe}, []byte(`{"access_token":"renewed"}`)
		seals(commands.SecretKept, `{"access_token":"renewed"}`)
	}
	row.AccessToken = ""
	seals(commands.SecretAbsent, `{"access_token":"renewed"}`) // an empty one never replaces
	row.ID = 71
	seals(commands.SecretAbsent, "")

	row.MemberID = 8
	_, err := use.Drafts(row)
	require.ErrorContains(t, err, "the directory does not know this member")
}

// A sign-in while an import decides keeps its tokens.
func TestImportDoesNotReplaceTokensOfASignIn(t *testing.T) {
	t.Parallel()
	secrets := signingIn{importSecrets{}}
	outcome, err := commands.Import{Secrets: secrets}.SealTokens(t.Context(),
		domain.DirectoryConnection{ID: 70, SecretRef: "connection/70"}, commands.StoredTokens{AccessToken: "imported"}, true)
	require.NoError(t, err)
	require.Equal(t, commands.SecretKept, outcome)
	require.JSONEq(t, `{"access_token":"signed in"}`, string(secrets.importSecrets["connection/70"]))
}

// signingIn is a store in which a person signs in after the first look.
type signingIn struct{ importSecrets }

func (s signingIn) Get(ctx context.Context, ref string) ([]byte, error) {
	secret, err := s.importSecrets.Get(ctx, ref)
	if err != nil {
		s.importSecrets[ref] = []byte(`{"access_token":"signed in"}`)
	}
	return secret, err
}

// places are the connections that the tables show.
type places map[int64]domain.TokenPlace

func (p places) TokenPlace(_ context.Context, connection int64) (domain.TokenPlace, error) {
	if place, ok := p[connection]; ok {
		return place, nil
	}
	return domain.TokenPlace{}, domain.NewError(domain.CodeNotFound, "unknown")
}

type importSecrets map[string][]byte

func (i importSecrets) Get(_ context.Context, ref string) ([]byte, error) {
	if secret, ok := i[ref]; ok {
		return secret, nil
	}
	return nil, domain.NewError(domain.CodeNotFound, "none")
}

func (i importSecrets) PutOver(_ context.Context, ref string, old, secret []byte, _ domain.SecretTimes) error {
	if present, stored := i[ref]; stored != (old != nil) || string(present) != string(old) {
		return domain.NewError(domain.CodeConflict, "another secret is stored")
	}
	i[ref] = secret
	return nil
}

// The directory of an import drops what a tombstone erases, and reports every change once.
func TestImportAppliesTombstonesAndReportsChangesOnce(t *testing.T) {
	t.Parallel()
	w := commands.NewImportWorld()
	put := func(e domain.DirectoryEntity) bool {
		return w.Put(domain.EntityKey(e), e, ledgertest.Later())
	}
	agency := domain.DirectoryAccount{ID: movedAgency, RowID: 1}
	client := domain.DirectoryAccount{ID: movedAccount(1), RowID: 11, ParentAccount: movedAgency}
	social := domain.DirectorySocialAccount{ID: 5, ParentAccount: movedAgency, AccountID: client.ID, MemberID: 7, Platform: domain.LinkedIn, AccountType: 2}
	plan := domain.DirectorySubscription{ID: 1, AccountID: movedAgency, StartsAt: time.Unix(100, 0)}
	for _, e := range []domain.DirectoryEntity{agency, client, social, plan, domain.DirectoryUser{ID: movedUser, AccountID: client.ID}} {
		require.True(t, put(e))
		require.False(t, put(e), "the same state again")
	}
	tenant := domain.Tenant{ParentAccount: movedAgency, AccountID: client.ID, MemberID: 7, SocialAccount: 5}
	page := commands.ImportedOwner{Tenant: domain.Tenant{SocialAccount: 5}, Platform: domain.LinkedIn}
	byRow, byID := page, page
	byRow.RowID, byID.AccountID = 11, client.ID
	for name, owner := range map[string]commands.ImportedOwner{"by the social account": page, "by row id": byRow, "by id": byID} {
		got, kind, err := w.Tenant(owner)
		require.NoError(t, err, name)
		require.Equal(t, tenant, got, name)
		require.Equal(t, domain.LinkedInCompanyPage, kind, name)
	}
	got, _, err := w.Tenant(commands.ImportedOwner{Tenant: domain.Tenant{SocialAccount: 6, MemberID: 9}, Platform: domain.Facebook, RowID: 11})
	require.NoError(t, err, "a social account that is gone today")
	require.Equal(t, domain.Tenant{ParentAccount: movedAgency, AccountID: client.ID, MemberID: 9, SocialAccount: 6}, got)
	for row, want := range map[int64]string{1: "account_row_id and account_id are two accounts", 99: "no account has this row id"} {
		two := byID
		two.RowID = row
		_, _, err = w.Tenant(two)
		require.ErrorContains(t, err, want)
	}
	require.True(t, w.Subscribed(tenant, time.Unix(100, 0)), "the agency's counts for its clients")
	require.False(t, w.Subscribed(tenant, time.Unix(99, 0)))
	require.Equal(t, map[string]string{movedUser: client.ID}, w.Facts(movedAgency, time.Now()).UserAccounts)

	texts := domain.PostContent{PostRef: domain.PostRef{ParentAccount: movedAgency, SocialAccount: 5, ExternalID: "urn:li:share:1"}}
	require.True(t, w.Put("post:1", texts, ledgertest.Later()))
	require.True(t, w.IsIndexed(), "a million texts are read once")
	second := client
	second.ID = movedAccount(2)
	require.True(t, put(second))
	require.False(t, w.IsIndexed())
	_, _, err = w.Tenant(byRow)
	require.ErrorContains(t, err, "2 accounts have this row id")
	require.True(t, w.Put("account:"+second.ID, nil, ledgertest.Later()))
	require.False(t, w.Put("account:"+second.ID, nil, ledgertest.Later()), "there is nothing left to erase")
	for _, key := range []string{"social_account:5", "user:" + movedUser, "subscription:1", "account:" + client.ID} {
		require.True(t, w.Put(key, nil, ledgertest.Later()))
	}
	_, _, err = w.Tenant(page)
	require.ErrorContains(t, err, "the directory does not know the social account")
	require.False(t, w.Subscribed(tenant, time.Unix(100, 0)))
	require.Empty(t, w.Facts(movedAgency, time.Now()).UserAccounts)
	require.Empty(t, w.Facts(movedAgency, time.Now()).Accounts)
}

// A logo is a picture that browsers draw, of the type that it says, and small.
func TestInvalidLogoIsRefused(t *testing.T) {
	t.Parallel()
	drawn := func(width, height int) string {
		var out bytes.Buffer
		require.NoError(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))))
		return base64.StdEncoding.EncodeToString(out.Bytes())
	}
	for logo, fault := range map[string]string{
		"": "",
		"data:image/png;base64," + drawn(1200, 2): "",
		"data:image/jpeg;base64," + drawn(4, 2):   "logo is labeled image/jpeg but is a png",
		"data:image/png;base64,aGVsbG8=":          "logo is not a PNG or JPEG",
		"data:image/png;base64,aGVsbG8":           "logo is not in base64",
		"data:image/png;base64," + drawn(2, 1201): "logo has 2 x 1201 pixels; at most 1200 x 1200 are allowed",
		"https://example.org/logo.png":            "logo is not a data URI of a picture",
	} {
		entity := domain.DirectoryAccount{ID: movedAccount(1), RowID: 1, Name: "North Star", Logo: logo, Active: true}
		_, err := commands.EntityLine(line(t, entity), domain.NewRegistry(), time.Now())
		if fault == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, fault)
			require.Equal(t, 1, strings.Count(err.Error(), "logo"), err)
		}
	}
}

// Every text of every kind of entity is checked when it is sent, also in kinds and fields that are
// added later: the samples of the events have every field.
func TestEntityTextsRefuseMisleadingCharacters(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../domain/testdata/directory.*.json")
	require.NoError(t, err)
	checked := 0
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		fields := map[string]any{}
		require.NoError(t, json.Unmarshal(raw, &fields))
		eventType := strings.Join(strings.Split(filepath.Base(name), ".")[:3], ".")
		read := func(field, text string) error {
			before := fields[field]
			fields[field] = text
			line, err := json.Marshal(map[string]any{"type": eventType, "data": fields})
			require.NoError(t, err)
			fields[field] = before
			_, err = commands.EntityLine(line, domain.NewRegistry(), time.Now())
			return err
		}
		for field, value := range fields {
			if text, ok := value.(string); !ok || strings.HasSuffix(field, "_at") || read(field, text+"x") != nil {
				continue // an id, a time, a color or a currency has a stricter form
			}
			checked++
			require.ErrorContains(t, read(field, "x\u202ey"), field+" contains", name)
			require.ErrorContains(t, read(field, "\u2067y"), field+" contains", name)
			require.NoError(t, read(field, "\u200fמאפייה"), name)
			if field == "name" {
				require.ErrorContains(t, read(field, "\u200b"), "name has no visible character", name)
				require.NoError(t, read(field, ""), "an unknown name")
			}
		}
	}
	require.Greater(t, checked, 20)
}

// line returns a line of a file of entities.
func line(t *testing.T, entity domain.DirectoryEntity) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"type": entity.EventType(), "data": entity})
	require.NoError(t, err)
	return raw
}

// The main application's ids are below the computed ones. It can neither write nor erase entities
// with computed ids.
func TestMainAppCannotUseComputedIDs(t *testing.T) {
	t.Parallel()
	registry, now := domain.NewRegistry(), time.Now()
	for _, id := range []int64{domain.FirstComputedID, domain.ComputedMember(movedAgency, movedAccount(1), domain.Facebook, "1")} {
		for _, entity := range []domain.DirectoryEntity{
			domain.DirectoryMember{ID: id, AccountID: movedAccount(1)},
			domain.DirectoryConnection{ID: id, MemberID: 1, Platform: domain.Facebook},
			domain.DirectorySocialAccount{ID: id, ParentAccount: movedAgency, AccountID: movedAccount(1), Platform: domain.Facebook},
		} {
			_, err := commands.EntityLine(line(t, entity), registry, now)
			require.ErrorContains(t, err, "ids from 4503599627370496 are reserved")
			erase, err := json.Marshal(map[string]any{"type": entity.EventType(), "id": entity.EntityID(), "erase": true})
			require.NoError(t, err)
			_, err = commands.EntityLine(erase, registry, now)
			require.ErrorContains(t, err, "ids from 4503599627370496 are reserved")
		}
	}
	_, err := commands.EntityLine(line(t, domain.DirectoryMember{ID: domain.FirstComputedID - 1, AccountID: movedAccount(1)}), registry, now)
	require.NoError(t, err)
	_, err = commands.Import{World: commands.NewImportWorld()}.Drafts(commands.ImportedToken{DirectoryConnection: domain.DirectoryConnection{ID: domain.FirstComputedID}})
	require.ErrorContains(t, err, "ids from 4503599627370496 are reserved")
}

// The main application's records of a page that is connected in ledgerboard are refused, under any
// id, until the page is disconnected.
func TestMainAppCannotChangePagesConnectedHere(t *testing.T) {
	t.Parallel()
	world := commands.NewImportWorld()
	ours := domain.DirectorySocialAccount{
		ID:            domain.ComputedSocialAccount(movedAgency, domain.Facebook, 0, "1001"),
		ParentAccount: movedAgency, AccountID: movedAccount(1), ConnectionID: domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "77"}.ConnectionID(movedAgency),
		Platform: domain.Facebook, ExternalID: "1001", Connected: true,
	}
	taken := ours
	taken.ID, taken.ExternalID = 7, "1002"
	require.True(t, world.Put(domain.EntityKey(ours), ours, ledgertest.Later()))
	require.True(t, world.Put(domain.EntityKey(taken), taken, ledgertest.Later()))
	use := commands.Import{World: world, Now: time.Now()}
	theirs := func(id int64, external string) error {
		e := domain.DirectorySocialAccount{ID: id, ParentAccount: movedAgency, AccountID: movedAccount(1), ConnectionID: 70, Platform: domain.Facebook, ExternalID: external, Connected: true}
		_, err := use.Drafts(commands.EntityDraft(e, time.Now()))
		return err
	}
	require.ErrorContains(t, theirs(5, "1001"), "is connected in ledgerboard")
	require.ErrorContains(t, theirs(7, "1002"), "is connected in ledgerboard")
	require.NoError(t, theirs(5, "1003"))
	page := ours
	page.Platform, page.AccountType, page.ExternalID = domain.LinkedIn, domain.LinkedInCompanyPage, "5501"
	page.ID = domain.ComputedSocialAccount(movedAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "5501")
	require.True(t, world.Put(domain.EntityKey(page), page, ledgertest.Later()))
	page.ID, page.ConnectionID, page.ExternalID = 5, 70, "urn:li:organization:5501"
	_, err := use.Drafts(commands.EntityDraft(page, time.Now()))
	require.ErrorContains(t, err, "is connected in ledgerboard", "LinkedIn's page is one, with and without what makes a URN of it")
	erase := func() error {
		_, err := use.Drafts(commands.EraseDraft(domain.KindSocialAccount, "7", time.Now()))
		return err
	}
	require.ErrorContains(t, erase(), `social account 7: facebook "1002" is connected in ledgerboard and cannot be erased; disconnect it in ledgerboard first`)
	taken.Connected = false
	require.True(t, world.Put(domain.EntityKey(taken), taken, ledgertest.Later()))
	require.NoError(t, erase())

	ours.Connected = false
	require.True(t, world.Put(domain.EntityKey(ours), ours, ledgertest.Later()))
	require.NoError(t, theirs(5, "1001"), "disconnected here")
}

// The latest state of an entity counts. A state from the future would count until then, whatever
// arrives in the meantime.
func TestImportLineFromFutureIsRefused(t *testing.T) {
	t.Parallel()
	lineOf := func(at time.Time) []byte {
		return []byte(`{"type":"directory.category.v1","updated_at":"` + at.Format(time.RFC3339) + `","data":{"id":4,"name":"Events"}}`)
	}
	drafts, err := commands.EntityLine(lineOf(day0.Add(commands.MaxSkew)), domain.NewRegistry(), day0)
	require.NoError(t, err, "clocks differ a little")
	require.Equal(t, day0.Add(commands.MaxSkew), drafts[0].Envelope.Time)
	_, err = commands.EntityLine(lineOf(day0.Add(commands.MaxSkew+time.Second)), domain.NewRegistry(), day0)
	require.ErrorContains(t, err, "is in the future")
}
