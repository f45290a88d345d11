package commands_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/stretchr/testify/require"
)

// recorder is an appender that keeps what it gets.
type recorder struct {
	drafts []domain.Draft
	err    error
}

func (r *recorder) Append(_ context.Context, d domain.Draft) error {
	if r.err == nil {
		r.drafts = append(r.drafts, d)
	}
	return r.err
}

func TestDirectoryPutAndErase(t *testing.T) {
	t.Parallel()
	log := &recorder{}
	d := commands.Directory{Log: log, Now: func() time.Time { return day0 }}
	require.NoError(t, d.Put(t.Context(), domain.DirectoryCategory{ID: 4, Name: "Events"}))
	require.NoError(t, d.Erase(t.Context(), domain.KindUser, nina))
	require.Len(t, log.drafts, 2)
	require.Equal(t, "category:4", log.drafts[0].Key)
	require.Equal(t, "directory.category.v1", log.drafts[0].Envelope.Type)
	require.Equal(t, "user:"+nina, log.drafts[1].Key)
	require.Nil(t, log.drafts[1].Data, "a tombstone")
	require.Equal(t, domain.TopicDirectory, log.drafts[1].Topic)
	log.err = errors.New("away")
	require.ErrorContains(t, d.Put(t.Context(), domain.DirectoryCategory{ID: 4}), "away")
	require.ErrorContains(t, d.Erase(t.Context(), domain.KindUser, nina), "away")
}
