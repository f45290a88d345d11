package commands_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

func (s *erasedKept) DeleteStale(_ context.Context, gone []int64, refs []string, _ time.Time) (int, error) {
	for _, ref := range refs {
		s.deleted = append(s.deleted, fmt.Sprint(ref, gone))
	}
	return len(refs), s.err
}

func (l *takingLog) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	for _, d := range drafts {
		if err := l.Append(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// What was written before the instant is erased again, at that instant; what came since, is another agency's, or is erased already stays as it
// is; of the person's own profiles the texts of every agency go. The last record of a key counts. Each erasure is recorded again.
func TestEraseAgainTakesWhatWasWrittenBefore(t *testing.T) {
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
		Log: log, Kept: kept, Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "OPS-1"}, Now: func() time.Time { return since },
		Directory: scan(
			entity(domain.DirectoryUser{ID: "u"}, before), entity(domain.DirectorySession{ID: "old", UserID: "u"}, before),
			entity(domain.DirectorySession{ID: "new", UserID: "u"}, since), entity(domain.DirectoryMember{ID: 7}, before),
			entity(domain.DirectoryMember{ID: 7, Name: "back"}, since),
			entity(domain.DirectoryConnection{ID: 70, SecretRef: "shared"}, before), entity(domain.DirectoryConnection{ID: 70, SecretRef: "shared"}, since),
			entity(domain.DirectoryConnection{ID: 71, SecretRef: "shared"}, before), entity(domain.DirectoryConnection{ID: 72, SecretRef: "shared"}, before),
			entity(domain.DirectoryUser{ID: "v"}, before), entity(domain.DirectoryUser{ID: "gone"}, before),
			erased(entity(domain.DirectoryUser{ID: "gone"}, before)), erased(entity(domain.DirectoryUser{ID: "back late"}, before)),
			entity(domain.DirectoryUser{ID: "back late"}, before.Add(-time.Hour)),
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
	for _, d := range log.drafts {
		keys = append(keys, d.Topic+" "+d.Key)
		switch d.Topic {
		case domain.TopicMetrics:
			require.Equal(t, domain.AccountErased{ParentAccount: agency, SocialAccount: 700, Platform: domain.LinkedIn, ErasedAt: at}, d.Data)
		case domain.TopicOperations:
			require.Equal(t, at, d.Envelope.Time)
			lines = append(lines, d.Data.(domain.PersonErased).ErasedIDs(d.Key, d.Envelope.Time)...)
		case domain.TopicContents, domain.TopicDirectory:
			require.Equal(t, at, d.Envelope.Time, "what is said or written later stays")
		}
	}
	require.Equal(t, len(keys), appended)
	require.Equal(t, again.List, domain.NewErasures(lines), "each erasure is on record again")
	require.ElementsMatch(t, []string{
		"operations " + agency, "operations " + agency, "operations " + agency, "operations " + agency, "contents " + agency + ":listing:700:a", "metrics 700",
		"contents " + other + ":listing:900:d", "contents " + other + ":listing:900:e",
		"directory user:u", "directory user:back late", "directory session:old", "directory social_account:700", "directory connection:71",
	}, keys)
	require.ElementsMatch(t, []string{"shared[71]"}, kept.deleted, "a connection that is back is not taken off its grant")
	require.ElementsMatch(t, []string{"u", "back late"}, kept.cursors)
}
