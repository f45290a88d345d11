package proof_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A verdict claims no more than the newest checkpoint covers: an end that is cut off behind it does not show, and the sentence says so.
func TestAVerdictIsBoundedByItsCheckpoint(t *testing.T) {
	t.Parallel()
	const (
		upTo = "nothing was altered, removed, inserted or reordered up to the checkpoint of 2026-03-14T12:03:00.000000Z, which covers "
		cut  = "an end that was cut off or written again since "
	)
	w := busy(t, 10)
	require.Equal(t, "No finding: "+upTo+"27 records. 3 records since then are chained; "+cut+"would not show.",
		w.verify(t, w).Proven())
	require.Equal(t, "No finding: "+upTo+"27 records. 3 records since then are chained; "+cut+"shows only as far as the tables remember it.",
		w.verify(t, w, with(remember(t, w.memory))).Proven())

	for _, agency := range agencies {
		cutAfter(w.memory, agency, 9)
	}
	w.renumber()
	report := w.verify(t, w)
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, "No finding: "+upTo+"27 records. There is no record since then; "+cut+"would not show.", report.Proven())
}

// A checkpoint that is signed when nothing is new says of a later instant that nothing was done up to it.
func TestTheNewestOfEqualCheckpointsBoundsTheVerdict(t *testing.T) {
	t.Parallel()
	w := busy(t, 3)
	before := *w.verify(t, w).SignedAt
	later := w.sign(t, w.signer(t, func(c *proof.SignerConfig) { c.Every = time.Second }))
	report := w.verify(t, w)
	require.Equal(t, int64(9), report.Covered)
	require.True(t, later.Time.After(before))
	require.Equal(t, later.Time, *report.SignedAt)
}

func TestWithoutACheckpointNothingIsClaimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(t, agencies[0])
	report := w.verify(t, w, func(c *proof.VerifyConfig) { c.Known, c.File = nil, nil })
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, "Every chain holds. No checkpoint was checked: a history that was written again as a whole would not show, and an end that was cut off "+
		"or written again since would not show.", report.Proven())
}

func TestABundleIsOfItsCheckpointsTime(t *testing.T) {
	t.Parallel()
	w := busy(t, 10)
	report := check(t, w, w.export(t, agencies[0]))
	require.True(t, report.OK(), "%v", report.Findings)
	require.Equal(t, "Agency "+agencies[0]+": nothing was altered, removed, inserted or reordered up to the checkpoint of 2026-03-14T12:03:00.000000Z: "+
		"its 9 records are what was signed then, and version 9 was the last. 1 record since then is chained; "+
		"an end that was cut off or written again since would not show.", report.Proven())
}
