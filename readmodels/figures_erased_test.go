package readmodels_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// cutLog takes so many records, and no more.
type cutLog struct {
	*foldtest.Log

	left int
}

func (l *cutLog) AppendBulk(ctx context.Context, drafts []domain.Draft) error {
	for _, d := range drafts {
		if l.left == 0 {
			return errors.New("the process ends here")
		}
		l.left--
		if err := l.Append(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// nothingKept is a database in which nothing of the person is left.
type nothingKept struct{}

func (nothingKept) DeleteStale(context.Context, []int64, []string, time.Time) (int, error) {
	return 0, nil
}
func (nothingKept) ForgetUser(context.Context, string) error            { return nil }
func (nothingKept) ForgetReads(context.Context, []int64, []int64) error { return nil }

// Wherever erasing again ends, the next start goes on until each partition has the erasure, and the one after it finds nothing to do.
func TestErasingAgainReachesEachPartition(t *testing.T) {
	t.Parallel()
	log := foldtest.New(t)
	partitions := log.Partitions(domain.TopicContents)
	require.Greater(t, partitions, int32(1))
	nothing := func(context.Context, func(domain.Recorded, error)) error { return nil }
	for k := range int(partitions) + 1 {
		social := int64(700 + k)
		again := commands.EraseAgain{
			List: domain.NewErasures([]domain.ErasedID{{
				Kind: domain.KindSocialAccount, ID: strconv.FormatInt(social, 10), Agency: agencyA, AccountID: clientA, Platform: domain.LinkedIn,
				At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
			}}),
			Kept: nothingKept{}, Now: time.Now, Directory: nothing, Contents: nothing,
			Figures: func(ctx context.Context) (map[domain.PostRef]time.Time, error) {
				return readmodels.FiguresErased(ctx, log.DB.ReadOnly, partitions)
			},
			EachPartition: func(d domain.Draft) (drafts []domain.Draft) {
				for partition := range partitions {
					one := d
					for n := 0; one.Key == d.Key || eventlog.PartitionOf([]byte(one.Key), partitions) != partition; n++ {
						one.Key = d.Key + ":" + strconv.Itoa(n)
					}
					one.Envelope.Subject = one.Key
					drafts = append(drafts, one)
				}
				return drafts
			},
		}
		again.Log = &cutLog{log, k}
		_, err := again.Erase(t.Context())
		require.ErrorContains(t, err, "the process ends here")
		again.Log = &cutLog{log, 1000}
		_, err = again.Erase(t.Context())
		require.NoError(t, err)
		var reached int32
		require.NoError(t, log.DB.ReadOnly.QueryRow(t.Context(), "select count(*) from content_erasures where social_account_id = $1", social).Scan(&reached))
		require.Equal(t, partitions, reached, "after %d records", k)
		appended, err := again.Erase(t.Context())
		require.NoError(t, err)
		require.Zero(t, appended, "once is enough")
	}
}
