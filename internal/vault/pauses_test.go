package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPauseHoldsForItsOwn(t *testing.T) {
	t.Parallel()
	pauses := vault.NewPauses(setup(t))
	requirePaused := func(want bool, kind domain.PauseKind, name string) {
		t.Helper()
		paused, err := pauses.Paused(t.Context(), kind, name)
		require.NoError(t, err)
		require.Equal(t, want, paused)
	}
	since := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	directory := domain.Pause{
		Kind: domain.PauseProjection, Name: "directory", Since: since, Actor: "op-1",
		Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "OPS-1"},
	}
	tiktok := domain.Pause{
		Kind: domain.PausePlatform, Name: domain.TikTok.String(), Since: since.Add(time.Hour), Actor: "op-2",
		Reason: domain.Reason{Code: domain.ReasonIncident},
	}
	requireList := func(want ...domain.Pause) {
		t.Helper()
		list, err := pauses.List(t.Context())
		require.NoError(t, err)
		for i := range list {
			list[i].Since = list[i].Since.UTC()
		}
		require.Equal(t, want, list)
	}
	requireList([]domain.Pause{}...)
	for _, pause := range []domain.Pause{directory, tiktok} {
		requirePaused(false, pause.Kind, pause.Name)
		began, err := pauses.Pause(t.Context(), pause)
		require.NoError(t, err)
		require.True(t, began)
		requirePaused(true, pause.Kind, pause.Name)
	}
	requirePaused(false, domain.PausePlatform, "directory")
	requirePaused(false, domain.PausePlatform, domain.LinkedIn.String())
	requireList(tiktok, directory)

	again := tiktok
	again.Since, again.Actor, again.Reason.Code = since.Add(2*time.Hour), "op-3", domain.ReasonTest
	began, err := pauses.Pause(t.Context(), again)
	require.NoError(t, err)
	require.False(t, began)
	requireList(tiktok, directory)

	for _, want := range []bool{true, false} {
		ended, err := pauses.Resume(t.Context(), domain.PausePlatform, tiktok.Name)
		require.NoError(t, err)
		require.Equal(t, want, ended)
		requirePaused(false, domain.PausePlatform, tiktok.Name)
		requireList(directory)
	}
}
