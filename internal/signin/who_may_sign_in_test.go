package signin_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// behind is a read model that has not folded yet what the log held at the start.
type behind string

func (b behind) Name() string { return string(b) }

func (b behind) Status(context.Context) (operator.Projection, error) {
	return operator.Projection{
		Projection: string(b), State: "live", Lag: 7, Partitions: []operator.Partition{{NextOffset: 3, EndOffset: 10}},
	}, nil
}

// In tables that are being made nobody is found: whoever asks then is to come back, not refused for good.
func TestNobodyIsJudgedByHalfMadeTables(t *testing.T) {
	t.Parallel()
	m := monitor.New([]behind{"directory", "operations"}, monitor.Config{MaxLag: 100, Logger: slog.New(slog.DiscardHandler)})
	ask := func() error {
		_, err := signin.People{Monitor: m}.Standing(t.Context(), "a11ce0000000000000000000", "aaaaaaaaaaaaaaaaaaaaaaaa")
		return err
	}
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(ask()), "nothing was seen yet")
	m.Look(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(ask()))
	require.ErrorContains(t, ask(), "directory is catching up")
}
