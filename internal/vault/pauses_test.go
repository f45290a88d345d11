package vault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPauseAppliesToOneProjectionOrPlatform(t *testing.T) {
	t.Parallel()
	pauses := vault.Pauses{Pool: setup(t)}
	since := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	directory := domain.Pause{
		Kind: domain.PauseProjection, Name: "directory", Since: since, Actor: "op-1",
		Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "OPS-1"},
	}
	tiktok := domain.Pause{
		Kind: domain.PausePlatform, Name: domain.TikTok.String(), Since: since.Add(time.Hour), Actor: "op-2",
		Reason: domain.Reason{Code: domain.ReasonIncident},
	}
	again := tiktok
	again.Since, again.Actor, again.Reason.Code = since.Add(2*time.Hour), "op-3", domain.ReasonTest
	pause := func(p domain.Pause) (bool, error) { return pauses.Pause(t.Context(), p) }
	resume := func(p domain.Pause) (bool, error) { return pauses.Resume(t.Context(), p.Kind, p.Name) }
	for i, step := range []struct {
		do      func(domain.Pause) (bool, error)
		of      domain.Pause
		changes bool
		list    []domain.Pause // afterward
	}{
		{resume, directory, false, []domain.Pause{}},
		{pause, directory, true, []domain.Pause{directory}},
		{pause, tiktok, true, []domain.Pause{tiktok, directory}},
		{pause, again, false, []domain.Pause{tiktok, directory}},
		{resume, tiktok, true, []domain.Pause{directory}},
		{resume, tiktok, false, []domain.Pause{directory}},
	} {
		changed, err := step.do(step.of)
		require.NoError(t, err)
		require.Equal(t, step.changes, changed, i)
		list, err := pauses.List(t.Context())
		require.NoError(t, err)
		for i := range list {
			list[i].Since = list[i].Since.UTC()
		}
		require.Equal(t, step.list, list, i)
		for _, one := range []domain.Pause{directory, tiktok, {Kind: domain.PausePlatform, Name: "directory"}} {
			paused, err := pauses.Paused(t.Context(), one.Kind, one.Name)
			require.NoError(t, err)
			require.Equal(t, slices.ContainsFunc(list, func(p domain.Pause) bool { return p.Kind == one.Kind && p.Name == one.Name }), paused, i)
		}
	}
}
