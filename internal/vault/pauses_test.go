package vault_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPauseHoldsUntilResumed(t *testing.T) {
	t.Parallel()
	pauses := vault.NewPauses(setup(t))
	ctx := t.Context()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	paused, err := pauses.Paused(ctx, "dashboards")
	require.NoError(t, err)
	require.False(t, paused)

	require.NoError(t, pauses.Pause(ctx, "dashboards", "a look at row 7", "op-1", noon))
	require.NoError(t, pauses.Pause(ctx, "account_insights", "disk", "op-2", noon))
	require.NoError(t, pauses.Pause(ctx, "dashboards", "still looking", "op-3", noon.Add(time.Minute)))

	paused, err = pauses.Paused(ctx, "dashboards")
	require.NoError(t, err)
	require.True(t, paused)
	paused, err = pauses.Paused(ctx, "directory")
	require.NoError(t, err)
	require.False(t, paused)

	list, err := pauses.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []vault.Pause{
		{"account_insights", "disk", "op-2", noon},
		{"dashboards", "still looking", "op-3", noon.Add(time.Minute)},
	}, list)
	body, err := json.Marshal(list[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"projection":"account_insights","reason":"disk","actor":"op-2","at":"2026-03-01T12:00:00Z"}`, string(body))

	was, err := pauses.Resume(ctx, "dashboards")
	require.NoError(t, err)
	require.True(t, was)
	was, err = pauses.Resume(ctx, "dashboards")
	require.NoError(t, err)
	require.False(t, was)
	paused, err = pauses.Paused(ctx, "dashboards")
	require.NoError(t, err)
	require.False(t, paused)
}

func TestPauseNamesEveryMissingInput(t *testing.T) {
	t.Parallel()
	pauses := vault.NewPauses(setup(t))
	err := pauses.Pause(t.Context(), "dashboards", "", "", time.Now())
	var refused *domain.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, domain.CodeInvalid, refused.Code)
	require.Len(t, refused.Fields, 2)
	list, err := pauses.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
