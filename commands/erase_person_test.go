package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

type erasedKept struct {
	deleted []string
	gone    [][]int64
	stay    [][]int64
	cursors []string
	reading int // how often accounts are still being read
	err     error
}

func (e *erasedKept) Delete(_ context.Context, ref string) error {
	e.deleted = append(e.deleted, ref)
	return e.err
}

func (e *erasedKept) DeleteConnection(_ context.Context, connection int64, ref string) error {
	e.deleted = append(e.deleted, fmt.Sprint(connection, " ", ref))
	return e.err
}

func (e *erasedKept) ForgetReads(_ context.Context, gone, stay []int64) error {
	e.gone, e.stay = append(e.gone, gone), append(e.stay, stay)
	return e.err
}

func (e *erasedKept) Reading(context.Context, []int64) (bool, error) {
	e.reading--
	return e.reading > 0, e.err
}

func (e *erasedKept) ForgetUser(_ context.Context, user string) error {
	e.cursors = append(e.cursors, user)
	return e.err
}

func somePerson() domain.Person {
	return domain.Person{
		ParentAccount: reader.ParentAccount, User: "d10000000000000000000000", Sessions: []string{"s1"},
		Members: []int64{7}, Defaults: []int64{7}, Connections: []domain.PersonConnection{{ID: 70, SecretRef: "c"}}, Profiles: []int64{700}, Named: []int64{702},
		Had:       []domain.AccountOwner{{SocialAccount: 700, AccountID: reader.ParentAccount, Platform: domain.LinkedIn}, {SocialAccount: 702, Platform: domain.Facebook}},
		Connected: []domain.DirectorySocialAccount{{ID: 700, Name: "Profile", Connected: true}},
		Pages:     []domain.DirectorySocialAccount{{ID: 701, Name: "Page", Connected: true}, {ID: 703, Name: "Page"}},
	}
}

func someOrder() domain.ErasureOrder {
	return domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "DPO-7"}}
}

// erasePerson erases from tables that show a text, and, after the erasure, one that arrived late.
func erasePerson(log *takingLog, eraser commands.KeptEraser) commands.ErasePerson {
	waits := 0
	return commands.ErasePerson{
		Append: log.AppendBulk, Kept: eraser, Order: someOrder(), Now: func() time.Time { return auditNow },
		Folded: func(context.Context) error {
			waits++
			return nil
		},
		Contents: func(context.Context, domain.Person) ([]domain.StoredContent, error) {
			if waits == 4 { // twice after the erasure
				return []domain.StoredContent{{Key: "late", At: auditNow.Add(time.Hour)}}, nil
			}
			return []domain.StoredContent{{Key: "of 700", At: auditNow.Add(time.Hour)}}, nil
		},
	}
}

// Records that name others are erased last, so a repetition finds what an interrupted erasure left.
func TestErasureDeletesReferencesLast(t *testing.T) {
	t.Parallel()
	log, eraser := &takingLog{}, &erasedKept{reading: 2}
	require.NoError(t, erasePerson(log, eraser).Erase(t.Context(), somePerson()))
	require.Negative(t, eraser.reading-1, "it waited until nothing was being read")
	var keys []string
	last := len(log.drafts) - 1
	require.Equal(t, domain.OperatorFinished{Of: log.drafts[4].Envelope.ID}, log.drafts[last].Data)
	for _, d := range log.drafts[:last] {
		keys = append(keys, d.Topic+" "+d.Key)
		switch data := d.Data.(type) {
		case nil: // a tombstone
			require.WithinDuration(t, auditNow, d.Envelope.Time, time.Microsecond)
		case domain.DirectorySocialAccount:
			require.False(t, data.Connected, "a page loses its connection")
			require.Equal(t, data.ID != 703, data.Ended == domain.StatusErased, "703 was disconnected before, for another reason")
			require.Equal(t, data.ID == 703, data.UpdatedAt.IsZero(), "a page that was disconnected earlier keeps its time")
		case domain.AccountErased:
			require.NoError(t, data.Validate())
			require.Equal(t, auditNow.UTC().Truncate(time.Microsecond), data.ErasedAt)
		case domain.PersonErased:
			want := somePerson().Erased()
			want.Order, want.Contents = someOrder(), 1
			require.Equal(t, want, data)
			require.Equal(t, "system:erase", d.Envelope.Audit.Actor)
		default:
			require.Fail(t, "unexpected record", "%T", data)
		}
	}
	require.Equal(t, []string{
		"directory social_account:700", "directory social_account:701", "directory social_account:703", "contents of 700", "operations " + reader.ParentAccount, "metrics 700", "metrics 702",
		"directory social_account:700", "directory social_account:702", "directory connection:70",
		"directory default_account:7", "directory session:s1", "directory member:7", "directory user:d10000000000000000000000", "contents late",
	}, keys)
	require.Equal(t, []string{"70 c", "70 c", "70 c"}, eraser.deleted, "tokens first, and again in case a renewal was running")
	require.Equal(t, [][]int64{{700, 702}, {700, 702}}, eraser.gone, "again in case a reading was running")
	require.Equal(t, [][]int64{{701, 703}, {701, 703}}, eraser.stay)
	require.Equal(t, []string{somePerson().User, somePerson().User}, eraser.cursors)
}

func TestErasureEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	err := erasePerson(log, &erasedKept{err: errors.New("database away")}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "delete tokens")
	require.Empty(t, log.drafts, "the person can still be found")
	log.append = func(context.Context) error { return errors.New("no broker") }
	err = erasePerson(log, &erasedKept{}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "repeating the command is safe")
	require.Len(t, log.drafts, 1)
}

// Data that was written or captured before its erasure does not come back. Newer data is new.
func TestResendOfErasedEntityTextOrReadingIsRefused(t *testing.T) {
	t.Parallel()
	erased := day0.Add(time.Hour)
	list := domain.NewErasures([]domain.ErasedID{
		{Kind: domain.KindUser, ID: nina, Agency: agency, At: erased},
		{Kind: domain.KindSocialAccount, ID: "7", Agency: agency, At: erased},
		{Kind: domain.KindSocialAccount, ID: "9", Agency: agency, Own: true, At: erased},
	})
	user := func(id string) domain.DirectoryUser { return domain.DirectoryUser{ID: id} }
	read := func(account int64, at time.Time) domain.Draft {
		return commands.NewDraft(domain.TopicMetrics, "7", domain.AccountRead{
			Tenant: domain.Tenant{ParentAccount: agency, SocialAccount: account}, CapturedAt: at,
		}, day0.Add(2*time.Hour))
	}
	text := func(agency string, account int64, at time.Time) domain.Draft {
		return commands.NewDraft(domain.TopicContents, "text", domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: agency, SocialAccount: account},
		}, at)
	}
	registered := func(at time.Time) domain.Draft {
		return commands.NewDraft(domain.TopicMetrics, "7", domain.PostRegistered{
			Tenant: domain.Tenant{ParentAccount: agency, SocialAccount: 7}, RegisteredAt: at,
		}, day0.Add(2*time.Hour))
	}
	const other = "bbbbbbbbbbbbbbbbbbbbbbbb"
	now := day0.Add(2 * time.Hour)
	for name, c := range map[string]struct {
		draft   domain.Draft
		refused bool
	}{
		"an earlier text":                         {text(agency, 7, day0), true},
		"a text of after":                         {text(agency, 7, erased.Add(commands.MaxSkew)), false},
		"another agency's text of the page":       {text(other, 7, day0), false},
		"another agency's text of an own profile": {text(other, 9, day0), true},
		"an earlier registration of a post":       {registered(day0), true},
		"a registration of after":                 {registered(erased.Add(commands.MaxSkew)), false},
		"an earlier user":                         {commands.EntityDraft(user(nina), day0), true},
		"a user that does not say when":           {commands.EntityDraft(user(nina), now), true},
		"a user who came back":                    {commands.EntityDraft(user(nina), erased.Add(commands.MaxSkew)), false},
		"a user of a clock ahead":                 {commands.EntityDraft(user(nina), erased.Add(commands.MaxSkew-time.Second)), true},
		"another user":                            {commands.EntityDraft(user(sam), day0), false},
		"an earlier reading":                      {read(7, day0), true},
		"a reading of after":                      {read(7, erased.Add(commands.MaxSkew)), false},
		"a reading of another account":            {read(8, day0), false},
		"a tombstone, which erases more":          {commands.EraseDraft(domain.KindUser, nina, day0), false},
	} {
		err := commands.RefuseErased(list, []domain.Draft{c.draft}, now)
		require.Equal(t, c.refused, err != nil, "%s: %v", name, err)
		if c.refused {
			require.ErrorContains(t, err, "was erased on")
		}
	}
}

func (e *erasedKept) DeleteStale(_ context.Context, gone []int64, refs []string, _ time.Time) (int, error) {
	for _, ref := range refs {
		e.deleted = append(e.deleted, fmt.Sprint(ref, gone))
	}
	return len(refs), e.err
}

func (t *takingLog) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	for _, d := range drafts {
		if err := t.Append(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// Data written before the instant is erased again, at that instant. Newer data, data of another
// agency, and data that is already erased stay unchanged. For the person's own profiles, the texts
// of every agency are erased. The last record of a key counts. Each erasure is recorded again.
func TestErasureIsRepeatedAfterRestore(t *testing.T) {
	t.Parallel()
	at := auditNow.UTC().Truncate(time.Microsecond)
	agency, other := reader.ParentAccount, "bbbbbbbbbbbbbbbbbbbbbbbb"
	recorded := func(key string, data domain.Data, when time.Time) domain.Recorded {
		return domain.Recorded{Key: key, Data: data, Envelope: domain.Envelope{Time: when}}
	}
	entity := func(e domain.DirectoryEntity, when time.Time) domain.Recorded {
		return recorded(domain.EntityKey(e), e, when)
	}
	said := func(parent string, social int64, id string, when time.Time) domain.Recorded {
		c := domain.PostContent{PostRef: domain.PostRef{ParentAccount: parent, SocialAccount: social, ExternalID: id}, Origin: domain.OriginListing}
		return recorded(c.Key(), c, when)
	}
	before, since := at.Add(-time.Hour), at.Add(time.Hour)
	erased := func(r domain.Recorded) domain.Recorded {
		r.Data = nil
		return r
	}
	scan := func(records ...domain.Recorded) func(context.Context, func(domain.Recorded, error)) error {
		return func(_ context.Context, each func(domain.Recorded, error)) error {
			for _, r := range records {
				each(r, nil)
			}
			return nil
		}
	}
	log, kept := &takingLog{}, &erasedKept{}
	again := commands.EraseAgain{
		List: domain.NewErasures([]domain.ErasedID{
			{Kind: domain.KindUser, ID: "u", Agency: agency, At: at},
			{Kind: domain.KindMember, ID: "7", Agency: agency, At: at},
			{Kind: domain.KindUser, ID: "gone", Agency: agency, At: at},
			{Kind: domain.KindConnection, ID: "70", Agency: agency, At: at},
			{Kind: domain.KindConnection, ID: "71", Agency: agency, At: at},
			{Kind: domain.KindUser, ID: "back late", Agency: agency, At: at},
			{Kind: domain.KindSocialAccount, ID: "700", Agency: agency, At: at, Platform: domain.LinkedIn},
			{Kind: domain.KindSocialAccount, ID: "800", Agency: agency, At: at, Platform: domain.LinkedIn},
			{Kind: domain.KindSocialAccount, ID: "900", Agency: agency, At: at, Platform: domain.LinkedIn, Own: true},
		}),
		Append: log.AppendBulk, Kept: kept, Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "OPS-1"}, Now: func() time.Time { return since },
		Directory: scan(
			entity(domain.DirectoryUser{ID: "u"}, before), entity(domain.DirectorySession{ID: "old", UserID: "u"}, before),
			entity(domain.DirectorySession{ID: "new", UserID: "u"}, since), entity(domain.DirectoryMember{ID: 7}, before),
			entity(domain.DirectoryMember{ID: 7, Name: "back"}, since),
			entity(domain.DirectoryConnection{ID: 70, SecretRef: "shared"}, before), entity(domain.DirectoryConnection{ID: 70, SecretRef: "shared"}, since),
			entity(domain.DirectoryConnection{ID: 71, SecretRef: "shared"}, before), entity(domain.DirectoryConnection{ID: 72, SecretRef: "shared"}, before),
			entity(domain.DirectoryUser{ID: "v"}, before), entity(domain.DirectoryUser{ID: "gone"}, before),
			erased(entity(domain.DirectoryUser{ID: "gone"}, before)), erased(entity(domain.DirectoryUser{ID: "back late"}, before)),
			entity(domain.DirectoryUser{ID: "back late"}, before.Add(-time.Hour)),
			entity(domain.DirectorySocialAccount{ID: 600, ParentAccount: agency, MemberID: 7, Connected: true}, before),
			entity(domain.DirectorySocialAccount{ID: 601, ParentAccount: agency, MemberID: 8, Connected: true}, before),
			entity(domain.DirectorySocialAccount{ID: 602, ParentAccount: agency, MemberID: 7, Connected: true}, since),
			entity(domain.DirectorySocialAccount{ID: 700, ParentAccount: agency}, before), entity(domain.DirectorySocialAccount{ID: 800, ParentAccount: other}, before),
		),
		Contents: scan(said(agency, 700, "a", before), said(agency, 700, "b", since), said(other, 700, "c", before), said(agency, 700, "gone", before),
			erased(said(agency, 700, "gone", before)), said(other, 900, "d", before), said(other, 900, "e", before), said(other, 900, "f", since)),
		Figures: func(context.Context) (map[domain.PostRef]time.Time, error) {
			return map[domain.PostRef]time.Time{{ParentAccount: agency, SocialAccount: 800}: since, {ParentAccount: agency, SocialAccount: 900}: at}, nil
		},
	}
	appended, err := again.Erase(t.Context())
	require.NoError(t, err)
	var keys []string
	var lines []domain.ErasedID
	var pages []int64
	for _, d := range log.drafts[len(log.drafts)-4:] {
		require.Equal(t, domain.OutcomeDone, d.Data.(domain.OperatorFinished).Outcome())
	}
	require.Len(t, log.drafts, appended)
	for _, d := range log.drafts[:len(log.drafts)-4] {
		keys = append(keys, d.Topic+" "+d.Key)
		switch d.Topic {
		case domain.TopicMetrics:
			require.Equal(t, domain.AccountErased{ParentAccount: agency, SocialAccount: 700, Platform: domain.LinkedIn, ErasedAt: at}, d.Data)
		case domain.TopicOperations:
			require.Equal(t, at, d.Envelope.Time)
			lines = append(lines, d.Data.(domain.PersonErased).ErasedIDs(d.Key, d.Envelope.Time)...)
			pages = append(pages, d.Data.(domain.PersonErased).Pages...)
		case domain.TopicContents, domain.TopicDirectory:
			require.Equal(t, at, d.Envelope.Time, "what is said or written later stays")
		}
	}
	require.Equal(t, again.List, domain.NewErasures(lines), "each erasure is on record again")
	require.Equal(t, []int64{600}, pages, "a page of the erased member loses its connection again")
	i := slices.IndexFunc(log.drafts, func(d domain.Draft) bool { return d.Key == "social_account:600" })
	require.Equal(t, domain.DirectorySocialAccount{ID: 600, ParentAccount: agency, MemberID: 7, Ended: domain.StatusErased, UpdatedAt: at}, log.drafts[i].Data)
	require.ElementsMatch(t, []string{
		"operations " + agency, "operations " + agency, "operations " + agency, "operations " + agency, "contents " + agency + ":listing:700:a", "metrics 700",
		"contents " + other + ":listing:900:d", "contents " + other + ":listing:900:e",
		"directory user:u", "directory user:back late", "directory session:old", "directory social_account:600", "directory social_account:700", "directory connection:71",
	}, keys)
	require.ElementsMatch(t, []string{"shared[71]"}, kept.deleted, "a connection that is back is not taken off its grant")
	require.ElementsMatch(t, []string{"u", "back late"}, kept.cursors)
}

// A secret is deleted only if the last record of its owner is a tombstone.
func TestSecretIsDeletedOnlyAfterTombstone(t *testing.T) {
	t.Parallel()
	connection := func(id int64, ref string) domain.Recorded {
		data := domain.DirectoryConnection{ID: id, SecretRef: ref}
		return domain.Recorded{Key: domain.EntityKey(data), Data: data}
	}
	tombstone := func(key string) domain.Recorded { return domain.Recorded{Key: key} }
	unreadable := func(r domain.Recorded) domain.Recorded {
		r.Offset = -1
		return r
	}
	var gone []int64
	var refs []string
	var before time.Time
	deleteStale := func(_ context.Context, connections []int64, secrets []string, at time.Time) (int, error) {
		gone, refs, before = connections, secrets, at
		return len(secrets), nil
	}
	for name, c := range map[string]struct {
		log  []domain.Recorded
		want []string
	}{
		"nothing is there":                    {},
		"it lives":                            {[]domain.Recorded{connection(7, "a")}, nil},
		"it is deleted":                       {[]domain.Recorded{connection(7, "a"), tombstone("connection:7")}, []string{"a", "connection/7"}},
		"under every name that it had":        {[]domain.Recorded{connection(7, "a"), connection(7, "b"), tombstone("connection:7")}, []string{"a", "b", "connection/7"}},
		"the record that named it is gone":    {[]domain.Recorded{tombstone("connection:7")}, []string{"connection/7"}},
		"it has come back":                    {[]domain.Recorded{connection(7, "a"), tombstone("connection:7"), connection(7, "a")}, nil},
		"it may have come back":               {[]domain.Recorded{connection(7, "a"), tombstone("connection:7"), unreadable(tombstone("connection:7"))}, nil},
		"the tombstone cannot be read":        {[]domain.Recorded{connection(7, "a"), unreadable(tombstone("connection:7"))}, nil},
		"another uses it":                     {[]domain.Recorded{connection(7, "a"), connection(8, "a"), tombstone("connection:7")}, []string{"connection/7"}},
		"something else is deleted":           {[]domain.Recorded{connection(7, "a"), tombstone("social_account:7"), tombstone("member:7")}, nil},
		"an operator's word changes nothing":  {[]domain.Recorded{connection(7, "a"), {Key: "connection:7", Data: domain.OperatorFinished{}}}, nil},
		"nor does one that follows tombstone": {[]domain.Recorded{connection(7, ""), tombstone("connection:7"), {Key: "connection:7", Data: domain.OperatorFinished{}}}, []string{"connection/7"}},
		"a key of nobody":                     {[]domain.Recorded{tombstone("connection")}, nil},
	} {
		gone, refs = nil, nil
		directory := func(_ context.Context, each func(domain.Recorded, error)) error {
			for i, r := range c.log {
				if r.Envelope.Time.IsZero() {
					r.Envelope.Time = auditNow.Add(time.Duration(i) * time.Second)
				}
				var err error
				if r.Offset < 0 {
					err = errors.New("cannot be decoded")
				}
				each(r, err)
			}
			return nil
		}
		deleted, err := commands.ForgetSecrets(t.Context(), directory, deleteStale, auditNow)
		require.NoError(t, err, name)
		require.Equal(t, c.want, refs, name)
		require.Equal(t, len(c.want), deleted, name)
		if c.want != nil {
			for _, connection := range gone {
				require.EqualValues(t, 7, connection, "%s: no other connection is gone", name)
			}
			require.Equal(t, auditNow.Add(-time.Hour), before, "one that an import has just stored stays")
		}
	}
	refs = nil
	half := func(_ context.Context, each func(domain.Recorded, error)) error {
		each(connection(7, "a"), nil)
		each(tombstone("connection:7"), nil)
		return errors.New("the brokers are away")
	}
	_, err := commands.ForgetSecrets(t.Context(), half, deleteStale, time.Now())
	require.ErrorContains(t, err, "brokers are away")
	require.Nil(t, refs, "half a directory says nothing")
}
